"""The tables of payments: every state and every arrow is in these files."""

from payments.models.desk import GatewayHealth, Notification, Reconciliation, ReviewCase
from payments.models.intent import PaymentIntent
from payments.models.payment import Payment
from payments.models.refund import Refund

__all__ = [
    "GatewayHealth",
    "Notification",
    "Payment",
    "PaymentIntent",
    "Reconciliation",
    "Refund",
    "ReviewCase",
]
