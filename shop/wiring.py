"""What happens after a fact? One table: fact -> who hears it, at once or by the relay.

`must` runs in the transaction that makes the fact true and undoes it by failing; `now` runs
there too, under a savepoint, and falls to the relay if it fails; `later` always rides the
relay. No money has moved when a payment starts, so a start may fail whole; a capture may not.
Names are dotted paths, so that this page imports nobody.
"""

SUBSCRIBERS: dict[str, dict[str, list[str]]] = {
    "PaymentStarted": {"must": ["orders.subscribers.on_payment_started"]},
    "PaymentCaptured": {"now": ["orders.subscribers.on_payment_captured"]},
    "PaymentEnded": {"now": ["orders.subscribers.on_payment_ended"]},
    "SurplusCaptured": {
        "now": ["orders.subscribers.on_surplus_captured"],
        "later": ["orders.post.subscribers.tell_surplus"],
    },
    "RefundDone": {
        "now": ["orders.subscribers.on_refund_done"],
        "later": ["orders.post.subscribers.tell_refunded"],
    },
    "RefundFailed": {"now": ["orders.subscribers.on_refund_failed"]},
    "OrderPlaced": {"later": ["orders.post.subscribers.tell_placed"]},
    "OrderPaid": {
        "later": ["orders.subscribers.issue_invoice", "orders.post.subscribers.tell_paid"]
    },
    "OrderCancelled": {"later": ["orders.post.subscribers.tell_cancelled"]},
    "OrderRefunded": {},
    "LinkWanted": {"later": ["orders.post.subscribers.tell_link"]},
    "LateMoneyReturned": {"later": ["orders.post.subscribers.tell_late"]},
}
