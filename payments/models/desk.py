"""What comes to the desk: notifications from gateways, and cases only a person can decide."""

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q


class Notification(models.Model):
    """A gateway's webhook as it came: a signed hint, stored before it is acknowledged."""

    gateway = models.CharField(max_length=20)
    notification_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=60)
    reference = models.CharField(max_length=40, blank=True)
    refund_reference = models.CharField(max_length=40, blank=True)
    body = models.BinaryField()
    received_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    result = models.CharField(max_length=40, blank=True)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [("replay_notification", "Can replay a notification")]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "notification_id"], name="notification_stored_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(processed_at=None),
                name="notifications_unprocessed",
            ),
            models.Index(fields=["reference"], name="notifications_of_a_payment"),
            models.Index(
                fields=["refund_reference"],
                condition=~Q(refund_reference=""),
                name="notifications_of_a_refund",
            ),
            BrinIndex(fields=["received_at"], name="notifications_by_day", pages_per_range=32),
            models.Index(
                fields=["id"], condition=Q(result="orphan"), name="notifications_orphaned"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.notification_id}"


class GatewayHealth(models.Model):
    """Refused deliveries of one gateway: how many, the last one and why. Never a body."""

    gateway = models.CharField(max_length=20, unique=True)
    refused = models.PositiveBigIntegerField(default=0)
    last_refused_at = models.DateTimeField(null=True)
    last_refused_why = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.gateway


class ReviewKind(models.TextChoices):
    """Why a person is needed."""

    WRONG_AMOUNT = "wrong_amount", "Wrong amount or currency"
    POLLING_EXHAUSTED = "polling_exhausted", "No final answer from the gateway"
    MANUAL_REFUND = "manual_refund", "Refund to be made by hand"
    REFUND_FAILED = "refund_failed", "Refund failed"
    LATE_WITHOUT_STOCK = "late_without_stock", "Late payment, goods gone"
    ORPHAN_NOTIFICATION = "orphan_notification", "Notification for an unknown payment"
    OUTBOX_STUCK = "outbox_stuck", "A fact could not be delivered"
    SHOPPER_SAYS_PAID = "shopper_says_paid", "Shopper says paid, we say unpaid"
    RECONCILIATION = "reconciliation", "The gateway's books differ from ours"
    DISPUTE = "dispute", "The shopper disputes the charge"
    CONTRADICTION = "contradiction", "The gateway contradicts what it said"


class ReviewCase(models.Model):
    """What only a person can decide. The number of open ones is kept at zero."""

    kind = models.CharField(max_length=24, choices=ReviewKind.choices)
    order_reference = models.CharField(max_length=40, blank=True)
    subject = models.CharField(max_length=140)  # what it is about: a reference
    known = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    claimed_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        permissions = [("resolve_review", "Can claim and resolve a review case")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(resolved_at=None),
                name="one_open_case_per_subject",
            )
        ]
        indexes = [
            models.Index(
                fields=["opened_at"], condition=Q(resolved_at=None), name="review_cases_open"
            ),
            models.Index(fields=["order_reference"], name="review_cases_of_an_order"),
            models.Index(fields=["subject"], name="review_cases_of_a_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"


class Reconciliation(models.Model):
    """One gateway's statement of one UTC day against our rows, and who signed it off."""

    gateway = models.CharField(max_length=20)
    day = models.DateField()
    ran_at = models.DateTimeField()
    matched = models.PositiveIntegerField(default=0)
    missing_here = models.PositiveIntegerField(default=0)
    missing_there = models.PositiveIntegerField(default=0)
    differing = models.PositiveIntegerField(default=0)
    adopted = models.PositiveIntegerField(default=0)
    # Per currency, in minor units: {"EUR": {"charged": 0, "refunded": 0, "fees": 0, "payout": 0}}.
    totals = models.JSONField(default=dict)
    differences = models.JSONField(default=list)
    signed_off_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    signed_off_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [
            ("sign_off", "Can sign off a day's reconciliation"),
            ("compare_day", "Can compare a day with the gateway's statement again"),
            ("export", "Can export orders, payments and reconciliations"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "day"], name="one_reconciliation_per_gateway_and_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.day}"
