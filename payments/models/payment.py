"""One attempt to collect an intent: its eight states, every arrow, and its guards.

Transition bodies are pure: they set fields of the row and nothing else. Only
`payments.recording` calls them, with the intent locked; nothing else decides a state.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, transition

from payments.models.payment_queries import PaymentQuerySet
from payments.models.payment_states import CAPTURES_MAX, UNPAID, UNSETTLED, WAITING, Role, State

__all__ = ["UNSETTLED", "Payment", "PaymentQuerySet", "Role", "State"]


class Payment(models.Model):
    """One attempt through one (gateway, method), on disk before the gateway is asked."""

    reference = models.CharField(max_length=26, unique=True)
    intent = models.ForeignKey(
        "payments.PaymentIntent", on_delete=models.PROTECT, related_name="payments"
    )
    same_attempt_as = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="repeats"
    )
    gateway = models.CharField(max_length=20)
    method = models.CharField(max_length=20)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = FSMField(default=State.CREATED, choices=State.choices, protected=True)
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.NONE)
    # The intent's version that this row brought about.
    born_version = models.PositiveIntegerField(default=0)
    # The exact request, repeated unchanged by every re-send.
    request = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # NULL until the gateway has told it: unique, and many may wait.
    gateway_order_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    gateway_transaction_id = models.CharField(  # noqa: DJ001
        max_length=64, null=True, blank=True
    )
    presentation = models.JSONField(null=True)
    note = models.CharField(max_length=200, blank=True)
    # Sending: how often, when last, and until when somebody is at it.
    send_count = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    close_wanted_at = models.DateTimeField(null=True)
    # The shopper agreed and we want the money; each further wish has its own key.
    capture_wanted_at = models.DateTimeField(null=True)
    capture_count = models.PositiveIntegerField(default=0, db_default=0)
    dead_after = models.DateTimeField(null=True)
    # Asking: driven by these columns, not by messages that must survive.
    next_poll_at = models.DateTimeField(null=True)
    poll_count = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    # Money at the gateway, plain integers under the intent's lock.
    captured_minor = models.BigIntegerField(default=0)
    captured_currency = models.CharField(max_length=3, blank=True)
    refunded_minor = models.BigIntegerField(default=0)
    refund_pending_minor = models.BigIntegerField(default=0)
    captured_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        permissions = [
            ("refund_payment", "Can refund a payment"),
            ("approve_refund", "Can approve somebody else's refund"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["intent"],
                condition=Q(role__in=["live", "settling"]),
                name="one_live_or_settling_payment",
            ),
            models.UniqueConstraint(
                fields=["gateway", "gateway_order_id"], name="gateway_order_belongs_to_one_payment"
            ),
            models.UniqueConstraint(
                fields=["gateway", "gateway_transaction_id"],
                name="gateway_transaction_booked_once",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_has_an_amount"),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="payment_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["created", "open", "unknown"], role="live")
                | Q(state="captured", role="settling")
                | Q(state__in=["created", "superseded", "surplus", "declined", "closed"])
                & Q(role="none"),
                name="payment_role_fits_its_state",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refund_pending_minor__gte=0)
                & Q(captured_minor__gte=F("refunded_minor") + F("refund_pending_minor")),
                name="payment_refunds_stay_below_capture",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_poll_at"],
                condition=Q(next_poll_at__isnull=False),
                name="payments_due_for_asking",
            ),
            models.Index(fields=["-id"], name="payments_newest_first"),
            # The staff's list of one state; nearly all are captured, and need none.
            models.Index(
                fields=["state", "-id"],
                condition=~Q(state="captured"),
                name="payments_not_captured",
            ),
            # Rows come in the order of time: a summary of each block finds a day's.
            BrinIndex(fields=["created_at"], name="payments_by_day", pages_per_range=32),
            BrinIndex(fields=["captured_at"], name="captures_by_day", pages_per_range=32),
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=["unknown", "superseded"]),
                name="payments_in_doubt",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_waiting(self) -> bool:
        return self.state in WAITING

    @property
    def is_final(self) -> bool:
        """The gateway has spoken its last word about this attempt."""
        return self.state not in UNSETTLED

    @property
    def has_money(self) -> bool:
        return self.state in (State.CAPTURED, State.SURPLUS)

    @property
    def refundable_minor(self) -> int:
        return self.captured_minor - self.refunded_minor - self.refund_pending_minor

    def is_leased(self, now: datetime) -> bool:
        """Somebody is talking to the gateway about it right now."""
        return self.lease_until is not None and self.lease_until > now

    def can_be_sent(self, now: datetime) -> bool:
        """A live payment without a presentation is resumed: same request, same key."""
        return (
            self.role == Role.LIVE
            and self.presentation is None
            and self.close_wanted_at is None
            and now < self.expires_at
        )

    def can_be_captured(self, now: datetime) -> bool:
        """The shopper agreed, we still want it, and nobody is at it."""
        return (
            self.role == Role.LIVE
            and self.capture_wanted_at is not None
            and self.close_wanted_at is None
            and not self.is_leased(now)
        )

    @property
    def capture_key(self) -> str:
        """The same for each repeat of one wish: taken once, however often it is sent."""
        return f"{self.reference}-{self.capture_count}"

    def want_capture(self, now: datetime) -> None:
        """Take what the shopper agreed to; a wish that is under way stays as it is."""
        if self.capture_wanted_at is None and self.capture_count < CAPTURES_MAX:
            self.capture_wanted_at = now
            self.capture_count += 1

    def not_found_is_final(self, now: datetime, horizon: timedelta) -> bool:
        """No request of ours can still be on its way, and no link can still be paid."""
        return now >= (self.sent_at or self.created_at) + horizon

    def lease(self, now: datetime, seconds: float) -> None:
        self.lease_until = now + timedelta(seconds=seconds)

    def count_send(self, now: datetime) -> None:
        """About to send the create request (again): older questions lose their say."""
        self.send_count += 1
        self.sent_at = now

    # --- the arrows ----------------------------------------------------------------------

    @transition(field=state, source=[State.CREATED, State.UNKNOWN], target=State.OPEN)
    def mark_open(self, now: datetime) -> None:
        """The gateway knows it and waits for the shopper."""

    @transition(field=state, source=State.CREATED, target=State.UNKNOWN)
    def mark_unknown(self, now: datetime) -> None:
        """The gateway's answer was lost: it may or may not be payable."""

    @transition(field=state, source=WAITING, target=State.SUPERSEDED)
    def mark_superseded(self, now: datetime) -> None:
        """Another attempt takes its place; money may still arrive here."""
        self.role = Role.NONE

    @transition(field=state, source=State.SUPERSEDED, target=State.OPEN)
    def mark_revived(self, now: datetime) -> None:
        """The shopper came back to it before it was dead."""
        self.role = Role.LIVE
        self.close_wanted_at = self.dead_after = None

    @transition(field=state, source=UNPAID, target=State.CAPTURED)
    def mark_captured(self, now: datetime) -> None:
        """Its money pays the intent."""
        self.role = Role.SETTLING
        self._end(now)

    @transition(field=state, source=UNPAID, target=State.SURPLUS)
    def mark_surplus(self, now: datetime) -> None:
        """Its money is more than the intent owes."""
        self.role = Role.NONE
        self._end(now)

    @transition(field=state, source=UNSETTLED, target=State.DECLINED)
    def mark_declined(self, now: datetime) -> None:
        """The gateway's final no."""
        self.role = Role.NONE
        self._end(now)

    @transition(field=state, source=UNSETTLED, target=State.CLOSED)
    def mark_closed(self, now: datetime) -> None:
        """The gateway's word that it can never be paid."""
        self.role = Role.NONE
        self._end(now)

    def _end(self, now: datetime) -> None:
        self.ended_at = now
        self.next_poll_at = self.lease_until = self.close_wanted_at = None
        self.capture_wanted_at = None

    def note_capture(self, *, amount_minor: int, currency: str, at: datetime, **ids: Any) -> None:
        """Book what the gateway took; the transaction id makes it this row's own."""
        self.captured_minor, self.captured_currency, self.captured_at = amount_minor, currency, at
        self.gateway_transaction_id = ids["transaction_id"]
