"""Orders' ears: the subscribers of payments' facts, which a story can make fail once.

`tests.stateful.hearing.on_payment_captured` is `orders.subscribers.on_payment_captured`,
unless the story has said that the next one who hears something stumbles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orders import subscribers


class Stumble(Exception):
    """A handler's own trouble."""


class Trouble:
    """How many of the next handlers fail."""

    left = 0


def __getattr__(name: str) -> Callable[..., None]:
    if not hasattr(subscribers, name):
        raise AttributeError(name)

    def handler(fact: Any, **told: Any) -> None:
        if Trouble.left:
            Trouble.left -= 1
            raise Stumble(name)
        getattr(subscribers, name)(fact, **told)

    return handler


#: As `shop.wiring`, without the mails: who hears of money, and the invoice.
SUBSCRIBERS: dict[str, dict[str, list[str]]] = {
    "PaymentStarted": {"must": ["tests.stateful.hearing.on_payment_started"]},
    "PaymentCaptured": {"now": ["tests.stateful.hearing.on_payment_captured"]},
    "PaymentEnded": {"now": ["tests.stateful.hearing.on_payment_ended"]},
    "SurplusCaptured": {"now": ["tests.stateful.hearing.on_surplus_captured"]},
    "RefundDone": {"now": ["tests.stateful.hearing.on_refund_done"]},
    "RefundFailed": {"now": ["tests.stateful.hearing.on_refund_failed"]},
    "OrderPlaced": {},
    "OrderPaid": {"later": ["orders.subscribers.issue_invoice"]},
    "OrderCancelled": {},
    "OrderRefunded": {},
    "LateMoneyReturned": {},
}
