"""The ground's tables: users, the outbox, idempotency keys, the history of every state."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q


class User(AbstractUser):
    """A member of staff. Shoppers buy as guests and have no account."""


class OutboxMessage(models.Model):
    """One fact on its way to one subscriber; written in the transaction that made it true."""

    topic = models.CharField(max_length=60)
    subscriber = models.CharField(max_length=120)
    dedupe_key = models.CharField(max_length=120)
    order_reference = models.CharField(max_length=40, db_index=True)
    payload = models.JSONField()
    created_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    done_at = models.DateTimeField(null=True)
    stuck_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "topic", "dedupe_key"],
                name="fact_reaches_subscriber_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=Q(done_at=None), name="outbox_due_messages"
            )
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.dedupe_key} to {self.subscriber}"


class IdempotencyKey(models.Model):
    """One client's key for one operation, and the answer that every repeat is given."""

    scope = models.CharField(max_length=200)
    key = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=1)
    lease_until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="key_used_once_per_operation")
        ]
        indexes = [
            models.Index(fields=["created_at"], name="idempotency_by_age"),
            models.Index(fields=["key"], name="idempotency_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class StateChange(models.Model):
    """One step of an order, payment or refund, or one call to a gateway (subject `call`).

    Append-only: a trigger refuses to change or delete a row.
    """

    subject = models.CharField(max_length=10)
    subject_reference = models.CharField(max_length=40)
    order_reference = models.CharField(max_length=40)
    from_state = models.CharField(max_length=12)
    to_state = models.CharField(max_length=12)
    source = models.CharField(max_length=20)
    actor = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    detail = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["order_reference", "id"], name="history_of_an_order"),
            models.Index(fields=["subject", "subject_reference"], name="history_of_a_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_reference}: {self.from_state} to {self.to_state}"


class StaffAction(models.Model):
    """What a member of staff did that moved no state: asked, exported, replayed, claimed."""

    actor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=140, blank=True)
    order_reference = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    detail = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["order_reference", "id"], name="staff_actions_of_an_order")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"


class Heartbeat(models.Model):
    """When a clock was last heard: beat's tick, after it went through the broker and a worker."""

    name = models.CharField(max_length=20, unique=True)
    beaten_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.beaten_at}"


class SignInTries(models.Model):
    """Guesses at the staff's sign-in within a window; used while Redis cannot count them."""

    name = models.CharField(max_length=100, unique=True)
    tries = models.PositiveIntegerField()
    window_ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.tries} tries until {self.window_ends_at}"
