"""A refund: a payment in reverse, with its own reference, states and arrows."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition


class RefundState(models.TextChoices):
    """Where a refund stands."""

    REQUESTED = "requested"  # waits for a second person
    APPROVED = "approved"  # on disk, to be sent
    SENT = "sent"  # sent; the answer counts as "perhaps"
    PENDING = "pending"  # the gateway works on it
    DONE = "done"
    FAILED = "failed"  # the gateway's final no, which may come late


class RefundKind(models.TextChoices):
    """Why money goes back."""

    STAFF = "staff"
    SURPLUS = "surplus"  # a capture that does not settle
    RETURNED = "returned"  # a late capture that its order could not take
    MANUAL = "manual"  # the method cannot refund: a person transfers it
    ADOPTED = "adopted"  # the gateway shows it, we had lost it


OUTSTANDING = [
    RefundState.REQUESTED,
    RefundState.APPROVED,
    RefundState.SENT,
    RefundState.PENDING,
]


class Refund(models.Model):
    """Returns captured money. Its row and key exist before the gateway is asked."""

    reference = models.CharField(max_length=26, unique=True)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="refunds"
    )
    kind = models.CharField(max_length=8, choices=RefundKind.choices)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=200)
    note = models.CharField(max_length=300, blank=True)
    # What the amount was made of, for whoever asked: kept here, never read here.
    parts = models.JSONField(default=dict, db_default={})
    tell_shopper = models.BooleanField(default=True, db_default=True)
    actor = models.CharField(max_length=150, blank=True)
    approved_by = models.CharField(max_length=150, blank=True)
    # What was done and pending when it was asked for: an approval is void when it changed.
    seen_refunded_minor = models.BigIntegerField(default=0)
    state = FSMField(default=RefundState.REQUESTED, choices=RefundState.choices, protected=True)
    gateway_refund_id = models.CharField(max_length=64, blank=True)
    transfer_reference = models.CharField(max_length=140, blank=True)
    created_at = models.DateTimeField()
    send_count = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    next_poll_at = models.DateTimeField(null=True)
    poll_count = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_has_an_amount"),
            models.CheckConstraint(
                condition=Q(state__in=RefundState.values), name="refund_state_is_known"
            ),
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(kind__in=["surplus", "returned"]) & ~Q(state="failed"),
                name="surplus_goes_back_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_poll_at"],
                condition=Q(next_poll_at__isnull=False),
                name="refunds_due_for_asking",
            ),
            models.Index(
                fields=["gateway_refund_id"],
                condition=~Q(gateway_refund_id=""),
                name="refunds_by_gateway_id",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(state="requested"),
                name="refunds_waiting_for_approval",
            ),
            models.Index(fields=["actor", "created_at"], name="refunds_of_one_of_the_staff"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_outstanding(self) -> bool:
        """It counts against the balance until the gateway's final word."""
        return self.state in OUTSTANDING

    @property
    def is_promised(self) -> bool:
        """The shopper may be told: it was decided, not only asked for."""
        if self.state == RefundState.REQUESTED:
            return self.kind == RefundKind.MANUAL
        return self.state != RefundState.FAILED or self.send_count > 0

    def count_send(self, now: datetime) -> None:
        """About to send it (again), as the same request with the same key."""
        self.send_count += 1
        self.sent_at = now

    # --- the arrows ----------------------------------------------------------------------

    @transition(field=state, source=RefundState.REQUESTED, target=RefundState.APPROVED)
    def mark_approved(self, now: datetime) -> None:
        """May be sent from now on."""
        self.next_poll_at = now

    @transition(field=state, source=RefundState.APPROVED, target=RefundState.SENT)
    def mark_sent(self, now: datetime) -> None:
        """About to be sent; whether it arrived is unknown until answered."""

    @transition(
        field=state,
        source=[RefundState.SENT, RefundState.APPROVED],
        target=RefundState.PENDING,
    )
    def mark_pending(self, now: datetime) -> None:
        """The gateway has it and works on it."""

    @transition(field=state, source=[*OUTSTANDING, RefundState.FAILED], target=RefundState.DONE)
    def mark_done(self, now: datetime) -> None:
        """The money went back."""
        self.done_at = now
        self.next_poll_at = self.lease_until = None

    @transition(field=state, source=[*OUTSTANDING, RefundState.DONE], target=RefundState.FAILED)
    def mark_failed(self, now: datetime) -> None:
        """The gateway's final no; it may come after it had said done."""
        self.done_at = self.next_poll_at = self.lease_until = None
