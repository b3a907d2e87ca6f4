"""What happens after a fact? One table: fact -> who hears it, at once or by the relay.

`now` runs in the transaction that made the fact true, under a savepoint, and falls to the
relay if it fails; `later` always rides the relay. Names are dotted paths, so that this page
imports nobody.
"""

SUBSCRIBERS: dict[str, dict[str, list[str]]] = {
    "PaymentStarted": {"now": ["orders.subscribers.on_payment_started"]},
    "PaymentCaptured": {"now": ["orders.subscribers.on_payment_captured"]},
    "PaymentEnded": {"now": ["orders.subscribers.on_payment_ended"]},
    "SurplusCaptured": {"now": ["orders.subscribers.on_surplus_captured"]},
    "RefundDone": {"now": ["orders.subscribers.on_refund_done"]},
    "RefundFailed": {"now": ["orders.subscribers.on_refund_failed"]},
    "OrderPaid": {"later": ["orders.subscribers.issue_invoice"]},
    "OrderCancelled": {},
    "OrderRefunded": {},
}
