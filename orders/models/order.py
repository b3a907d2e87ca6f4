"""The order and its machine: all states and all arrows."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django_fsm import FSMField, transition

# Without I, L, O, U: read over the telephone without mistakes.
NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MISREAD = str.maketrans("OIL", "011")


def new_number() -> str:
    """An order number a person can read out: 50 random bits, so nobody counts our orders."""
    letters = "".join(secrets.choice(NUMBER_ALPHABET) for _ in range(10))
    return f"PO-{letters[:5]}-{letters[5:]}"


def read_number(told: str) -> str:
    """An order number as we write it, from how a person may type it; empty if it is none."""
    letters = re.sub(r"[\s-]", "", told.upper()).removeprefix("PO").translate(MISREAD)
    if len(letters) != 10 or set(letters) - set(NUMBER_ALPHABET):
        return ""
    return f"PO-{letters[:5]}-{letters[5:]}"


def new_public_id() -> str:
    """144 bits: whoever knows them may see, pay and cancel the order."""
    return secrets.token_urlsafe(18)


class OrderState(models.TextChoices):
    """Every state an order can be in; the arrows are the methods of `Order`."""

    UNPAID = "unpaid"
    PAYING = "paying"
    PAID = "paid"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


class OrderQuerySet(models.QuerySet["Order"]):
    """Questions about many orders."""

    def due_to_close(self, now: datetime) -> OrderQuerySet:
        """Expired, or wanted cancelled, and not asked about just now."""
        return self.filter(
            state__in=(OrderState.UNPAID, OrderState.PAYING), next_close_at__lte=now
        ).order_by("next_close_at")

    def due_to_ask(self, now: datetime) -> OrderQuerySet:
        """Paying for so long that we ask ourselves instead of waiting to be told."""
        return self.filter(state=OrderState.PAYING, next_check_at__lte=now).order_by(
            "next_check_at"
        )


class Order(models.Model):
    """What a shopper owes. Lines, total and currency are frozen by a trigger when placed."""

    number = models.CharField(max_length=20, unique=True, default=new_number)
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id)
    state = FSMField(
        default=OrderState.UNPAID,
        choices=OrderState.choices,
        protected=True,
        max_length=16,
    )
    # Grows with everything a shopper's page should show anew; the status ETag is made of it.
    version = models.PositiveIntegerField(default=1)
    email = models.EmailField()
    locale = models.CharField(max_length=16, default="en")
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    delivery_code = models.CharField(max_length=32, blank=True)
    delivery_title = models.CharField(max_length=100, blank=True)
    delivery_minor = models.BigIntegerField(default=0)
    address = models.JSONField(default=dict, blank=True)
    submission = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - NULLs are distinct
    lines_fingerprint = models.CharField(max_length=64, blank=True)
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    paying_since = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    cancel_wanted_at = models.DateTimeField(null=True)
    cancel_reason = models.CharField(max_length=16, blank=True)
    cancelled_at = models.DateTimeField(null=True)
    # Late money that could not be kept because the goods were gone: asked back once.
    capture_returned_at = models.DateTimeField(null=True)
    # What the sweeps retry, when next, and how often it was answered with "not yet".
    next_close_at = models.DateTimeField(null=True)
    close_tries = models.PositiveIntegerField(default=0)
    next_check_at = models.DateTimeField(null=True)
    check_tries = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)

    State: ClassVar[type[OrderState]] = OrderState
    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=OrderState.values), name="order_state_is_known"
            ),
            models.CheckConstraint(condition=Q(total_minor__gt=0), name="order_total_is_positive"),
            models.CheckConstraint(
                condition=Q(tax_minor__gte=0, tax_minor__lte=F("total_minor")),
                name="order_tax_is_part_of_the_total",
            ),
            models.CheckConstraint(
                condition=Q(delivery_minor__gte=0, delivery_minor__lte=F("total_minor")),
                name="order_delivery_is_part_of_the_total",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("paid", "refunded")) | Q(paid_at__isnull=False),
                name="order_paid_says_when",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_close_at"],
                name="order_due_to_close",
                condition=Q(state__in=("unpaid", "paying")),
            ),
            models.Index(
                fields=["next_check_at"],
                name="order_due_to_ask",
                condition=Q(state="paying"),
            ),
            models.Index(
                fields=["lines_fingerprint"],
                name="order_same_wish",
                condition=Q(state__in=("unpaid", "paying")) & ~Q(lines_fingerprint=""),
            ),
            # The staff's search, newest first, a page at a time.
            models.Index(Upper("email"), F("id").desc(), name="orders_of_a_mail_address"),
            models.Index(fields=["total_minor", "currency", "-id"], name="orders_of_an_amount"),
            # The staff's list of one state; those that can still be paid are few and have theirs.
            models.Index(
                fields=["state", "-id"],
                name="orders_that_ended",
                condition=Q(state__in=("cancelled", "refunded")),
            ),
            # Rows come in the order of time: a summary of each block finds a day's.
            BrinIndex(fields=["placed_at"], name="orders_by_day", pages_per_range=32),
        ]

    def __str__(self) -> str:
        return self.number

    # The arrows. Bodies are pure; `orders.moves.move` is their only caller.

    @transition(field=state, source=OrderState.UNPAID, target=OrderState.PAYING)
    def begin_paying(self) -> None:
        """A payment was opened."""

    @transition(field=state, source=OrderState.PAYING, target=OrderState.UNPAID)
    def stop_paying(self) -> None:
        """Every attempt is proven dead: another may be made."""

    @transition(
        field=state,
        source=[OrderState.UNPAID, OrderState.PAYING],
        target=OrderState.PAID,
    )
    def confirm(self) -> None:
        """The money is here."""

    @transition(
        field=state,
        source=[OrderState.UNPAID, OrderState.PAYING],
        target=OrderState.CANCELLED,
    )
    def cancel(self) -> None:
        """Closed unpaid."""

    @transition(field=state, source=OrderState.CANCELLED, target=OrderState.PAID)
    def revive(self) -> None:
        """Late money came and the goods could be had again."""

    @transition(field=state, source=OrderState.PAID, target=OrderState.REFUNDED)
    def refund(self) -> None:
        """All of the money went back."""

    @transition(field=state, source=OrderState.REFUNDED, target=OrderState.PAID)
    def unrefund(self) -> None:
        """A refund failed after all: the money is still here."""

    @property
    def is_open(self) -> bool:
        """Whether its money is still awaited."""
        return self.state in (OrderState.UNPAID, OrderState.PAYING)

    @property
    def is_payable(self) -> bool:
        """Whether a payment may be opened now; the intent's own `closed_at` has the last word."""
        return self.is_open and self.cancel_wanted_at is None

    @property
    def is_closed_to_new_payments(self) -> bool:
        """Whether payments have answered a close: only what was open before may still arrive."""
        return self.close_tries > 0

    @property
    def goods_minor(self) -> int:
        """The total without delivery."""
        return self.total_minor - self.delivery_minor
