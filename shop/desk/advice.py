"""What each kind of review case means and what to do first; the runbook has the whole story."""

from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from payments.models.desk import ReviewKind

K = ReviewKind


@dataclass(frozen=True)
class Advice:
    """One sentence about what happened and one about what to do."""

    meaning: str
    action: str


ADVICE = {
    K.WRONG_AMOUNT: Advice(
        "The gateway took another amount or currency than the order owes. It goes back by itself.",
        "See that the refund is done, then tell the shopper why the order is still unpaid.",
    ),
    K.POLLING_EXHAUSTED: Advice(
        "The gateway has not given a final answer for too long. Money may still be there.",
        "Ask the gateway now. If it stays silent, ask its support with our reference. "
        "Do not call it failed.",
    ),
    K.MANUAL_REFUND: Advice(
        "This method cannot send money back: a person has to transfer it.",
        "Transfer the amount, note the transfer's reference, and let a second person confirm it.",
    ),
    K.REFUND_FAILED: Advice(
        "The gateway finally refused a refund. The money is still with us.",
        "See why, then try again or transfer it by hand. The shopper is waiting for it.",
    ),
    K.LATE_WITHOUT_STOCK: Advice(
        "Money came after the order was cancelled and its goods were sold. It goes back by itself.",
        "See that the refund is done, and tell the shopper.",
    ),
    K.ORPHAN_NOTIFICATION: Advice(
        "A genuine notification names a payment that we do not have.",
        "Open its day under Reconciliation and compare it again: what carries our reference is "
        "adopted. Then replay the notification. A day that is not over yet: wait for tomorrow's "
        "comparison, or let an operator run manage.py audit.",
    ),
    K.OUTBOX_STUCK: Advice(
        "Something that happened could not be told to its listener after many tries.",
        "Read the error in the outbox, mend its cause, then replay the message.",
    ),
    K.SHOPPER_SAYS_PAID: Advice(
        "The shopper said several times that they paid; the gateway says that nobody has.",
        "Ask the gateway now, then ask the shopper for the wallet's receipt. "
        "Never ask them to pay again before that.",
    ),
    K.RECONCILIATION: Advice(
        "The gateway's statement and our rows differ.",
        'Open the day under Reconciliation, look at both sides, and press "Compare again".',
    ),
    K.DISPUTE: Advice(
        "The shopper's bank disputes the charge. There is a time limit to answer.",
        "Collect order, delivery and invoice, and answer at the gateway. Do not refund beside it.",
    ),
    K.CONTRADICTION: Advice(
        "The gateway says something that does not fit what it said before.",
        "Ask the gateway now and compare. Our row stays as it is until a person has looked.",
    ),
}


def runbook_address(anchor: str) -> str:
    """The page of the runbook about this: the operator's own, or the one shown by the desk."""
    return f"{settings.RUNBOOK_URL or reverse('desk:runbook')}#{anchor}"
