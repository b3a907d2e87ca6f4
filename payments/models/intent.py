"""The payment intent: one row per order reference, and the lock of everything under it."""

from datetime import datetime
from typing import Self

from django.db import connection, models
from django.db.models import Q


class IntentQuerySet(models.QuerySet["PaymentIntent"]):
    """Making and locking intents."""

    def make_or_lock(
        self, *, order_reference: str, amount_minor: int, currency: str, now: datetime
    ) -> "PaymentIntent":
        """The intent, new or old, locked until the transaction ends: one round trip.

        Raises ValueError when the intent exists with another amount or currency: an order's
        total is frozen before its first payment.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO payments_paymentintent AS intent
                    (order_reference, amount_minor, currency, created_at, version)
                VALUES (%s, %s, %s, %s, 1)
                ON CONFLICT (order_reference) DO UPDATE SET version = intent.version + 1
                RETURNING id, order_reference, amount_minor, currency, created_at, version,
                    closed_at
                """,
                [order_reference, amount_minor, currency, now],
            )
            names = [column.name for column in cursor.description or ()]
            intent = PaymentIntent.from_db("default", names, cursor.fetchone() or ())
        if (intent.amount_minor, intent.currency) != (amount_minor, currency):
            raise ValueError(f"{order_reference} was opened for another amount or currency.")
        return intent

    def lock(self) -> Self:
        """Rows read from here on are locked: nobody else touches what is under them."""
        return self.select_for_update()


class PaymentIntent(models.Model):
    """What an order reference owes. Its row is locked before its payments are read."""

    order_reference = models.CharField(max_length=40, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    closed_at = models.DateTimeField(null=True)
    # How often the shopper said "I have paid" while the gateway said that nobody had.
    says_paid_count = models.PositiveIntegerField(default=0, db_default=0)

    objects = IntentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="intent_owes_something")
        ]

    def __str__(self) -> str:
        return self.order_reference
