"""What the shop sends to a shopper: one row per occasion, sent at least once, then kept."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Occasion(models.TextChoices):
    """Why a shopper is written to."""

    PLACED = "placed", "order placed"
    PAID = "paid", "paid"
    SURPLUS = "surplus", "money on its way back"
    LATE = "late", "paid too late"
    REFUNDED = "refunded", "refund done"
    CANCELLED = "cancelled", "ended unpaid"
    LINK = "link", "link sent again"


class Outgoing(models.Model):
    """A thing to send, driven by its row: `next_try_at` is null once nothing is left to do."""

    kind = models.CharField(max_length=12, choices=Occasion.choices)
    # What happened more than once names which: a payment's or a refund's reference, an hour.
    occasion = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Mail(Outgoing):
    """A mail about an order. Its words are made from the rows when it is sent."""

    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="mails")
    # The same for every try, so that a mail that comes twice shows once.
    message_id = models.CharField(max_length=150, unique=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "kind", "occasion"], name="mail_is_written_once_per_occasion"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], name="mail_due", condition=Q(next_try_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.occasion}".strip()


class PushSubscription(models.Model):
    """A browser that asked, on an order's page, to be told when something happens to it."""

    order = models.ForeignKey(
        "orders.Order", on_delete=models.PROTECT, related_name="push_subscriptions"
    )
    endpoint = models.CharField(max_length=500)
    # The browser's public key and shared secret: only it can read what is sent.
    p256dh = models.CharField(max_length=100)
    auth = models.CharField(max_length=40)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "endpoint"], name="browser_subscribes_once_per_order"
            )
        ]

    def __str__(self) -> str:
        return f"browser {self.pk}"


class PushMessage(Outgoing):
    """A notification for one browser; gone with its subscription."""

    subscription = models.ForeignKey(
        PushSubscription, on_delete=models.CASCADE, related_name="messages"
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "kind", "occasion"],
                name="browser_is_told_once_per_occasion",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], name="push_due", condition=Q(next_try_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.occasion}".strip()
