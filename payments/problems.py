"""Refusals of the door, named by what the caller can do next."""

from shop.problems import NotFound, Problem


class PaymentAlreadySettled(Problem):
    """Nothing to do: show the receipt."""

    status = 409
    slug = "order-already-paid"
    title = "This order is already paid."


class IntentClosed(Problem):
    """The order takes no payments any more: order again."""

    status = 409
    slug = "order-closed"
    title = "This order is closed and can no longer be paid."


class MethodNotOffered(Problem):
    """Choose one of the offered methods."""

    slug = "method-not-offered"
    title = "This payment method is not offered for this order."


class TooManyPayments(Problem):
    """Wait a minute before opening another new payment."""

    status = 429
    slug = "too-many-payments"
    title = "Too many new payments for this order; wait a minute."


class PaymentNotFound(NotFound):
    """No payment has this reference."""


class RefundedMeanwhile(Problem):
    """Look at the fresh figure, then decide again."""

    status = 409
    slug = "refunded-meanwhile"
    title = "This payment was refunded since you looked."


class RefundTooLarge(Problem):
    """Ask for at most what is left."""

    slug = "refund-too-large"
    title = "The refund is larger than what is left of the payment."


class NotRefundable(Problem):
    """There is no captured money on this payment."""

    slug = "not-refundable"
    title = "This payment has no captured money to return."
