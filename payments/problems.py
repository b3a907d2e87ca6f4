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


class PayerFactsMissing(Problem):
    """Enter what this method asks of the payer; `missing` names it. Nothing was begun."""

    slug = "payer-facts-missing"
    title = "This payment method needs more about who pays."


class TooManyPayments(Problem):
    """Wait a minute before opening another new payment."""

    status = 429
    slug = "too-many-payments"
    title = "Too many new payments for this order; wait a minute."


class GatewayDown(Problem):
    """Nothing was sent: choose another method, or try this one again in a moment."""

    status = 503
    slug = "gateway-down"
    title = "This way to pay cannot be reached right now. Nothing was sent; no money was taken."


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


class NotWaiting(Problem):
    """Somebody decided about this refund already: look at it."""

    status = 409
    slug = "refund-not-waiting"
    title = "This refund no longer waits for a second person."


class OwnRefund(Problem):
    """Ask somebody else: who asks for a refund does not approve it."""

    status = 403
    slug = "own-refund"
    title = "A second person must decide: you asked for this refund yourself."


class RefundVoid(Problem):
    """Ask for it anew with the fresh figures."""

    status = 409
    slug = "refund-void"
    title = "Something else was refunded since this was asked for: it is void, ask again."


class TransferDiffers(Problem):
    """Compare with the bank's paper: two people read different references."""

    status = 409
    slug = "transfer-differs"
    title = "This is not the transfer reference that the first person noted."


class TransferNoted(Problem):
    """Correct what was noted, or let a second person confirm it."""

    status = 409
    slug = "transfer-noted"
    title = "A transfer was noted for this refund: the money may have left, so it stays owed."


class ReasonMissing(Problem):
    """Say why: whoever reads it next was not there."""

    slug = "reason-missing"
    title = "Say in a few words why."


class NotRetryable(Problem):
    """This refund did not fail, or was tried again already."""

    status = 409
    slug = "refund-not-retryable"
    title = "This refund did not fail, or it was tried again already."
