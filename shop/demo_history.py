"""A few days of the demo's past: orders made by the real services, paid at the simulated bank.

Nothing is inserted: each order is placed, paid, told by a signed notification or found by a
question, refunded or left to expire, at the moment it is said to have happened. The bank's
clock is put back meanwhile; ours is an argument everywhere.
"""

import hashlib
import hmac
import json
import secrets
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.conf import settings

from orders import services as orders
from orders.models import Order
from payments import inbox, sweeping
from payments import services as payments
from payments.gateways.base import RawRequest
from shop import books, outbox
from shop.idempotency import Claim

#: Whose orders these are; found again by it.
ADDRESS = "history-{:02}@example.com"
#: Plenty of them in stock: the catalogue keeps its shelves.
SKUS = ("mug-blue", "tea-sencha", "notebook-dot")
METHODS = ("qr", "qr", "redirect", "card", "qr", "card", "redirect")
DAYS = 10
#: The last of them was over by then, its expiry and its refund included.
OVER_BEFORE = timedelta(hours=3)
STARTS_WITHIN_SECONDS = 15.0
#: The bank stands on this machine, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
Told = Callable[["Past"], None]


class Bank:
    """The simulated bank as a person at its desk uses it."""

    def __init__(self, url: str, now: datetime) -> None:
        self._url = url
        self._now, self._began = now, time.monotonic()

    def _call(self, verb: str, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 - the bank's own address, from settings
            f"{self._url}{path}",
            method=verb,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with DIRECT.open(request, timeout=10) as answer:
            answer.read()

    def wait(self) -> None:
        """Until it has started. Raises OSError when it does not."""
        give_up_at = time.monotonic() + STARTS_WITHIN_SECONDS
        while True:
            try:
                return self.be_silent(silent=False)
            except OSError:
                if time.monotonic() > give_up_at:
                    raise
            time.sleep(0.1)

    def live_at(self, moment: datetime) -> None:
        """Put the bank's clock back to this moment."""
        # Telling takes time, and the bank's clock goes on meanwhile.
        told_for = time.monotonic() - self._began
        self._set_back((self._now - moment).total_seconds() + told_for)

    def live_now(self) -> None:
        """Put the bank's clock right."""
        self._set_back(0)

    def _set_back(self, behind: float) -> None:
        self._call("PUT", "/clock", {"seconds_behind": behind})

    def be_silent(self, *, silent: bool) -> None:
        """Send no notification while the shop is not there to hear it."""
        self._call("PUT", "/faults", {"lose_notification": 1.0} if silent else {})

    def act(self, reference: str, act: str) -> None:
        """Be the shopper's phone: pay or decline; or their bank: dispute."""
        self._call("POST", f"/payments/{reference}/{act}", {})


@dataclass
class Past:
    """One order on its way through the past."""

    number: int
    bank: Bank
    at: datetime  # where the story stands
    dice: Random
    order: Order

    def later(self, seconds: float) -> datetime:
        """Let time pass, here and at the bank."""
        self.at += timedelta(seconds=seconds)
        self.bank.live_at(self.at)
        return self.at

    def pay(self, method: str) -> str:
        """Open a payment; its reference."""
        started = orders.pay_order(
            public_id=self.order.public_id, method=method, claim=None, now=self.later(20)
        )
        return started.payment.reference

    def capture(self, reference: str, *, told: bool = True) -> None:
        """The shopper pays; the bank tells us, or we find out by asking."""
        self.later(self.dice.randint(8, 50))
        self.bank.act(reference, "pay")
        if told:
            self.tell(reference, "payment.paid")
        else:
            self.check()
        outbox.relay(now=self.at)

    def tell(self, reference: str, kind: str) -> None:
        """A notification as the bank would have sent it, followed at once."""
        body = json.dumps({
            "id": f"evt_{secrets.token_hex(10)}", "type": kind, "created_at": self.at.isoformat(),
            "merchant": _option("merchant"),
            "reference": reference, "payment_reference": reference, "data": {},
        }).encode()  # fmt: skip
        received = self.later(self.dice.choice([0.4, 0.7, 1.2, 2.5]))
        raw = RawRequest("POST", "/", "", _signed(body), body)
        for stored in inbox.receive("sandbox", raw, now=received):
            inbox.process(stored, now=received)

    def check(self) -> None:
        """The shopper presses "I have paid"."""
        orders.check_order(public_id=self.order.public_id, now=self.later(15))


def _option(name: str) -> Any:
    gateway: dict[str, Any] = settings.PAYMENT_GATEWAYS["sandbox"]
    return gateway["options"][name]


def _signed(body: bytes) -> dict[str, str]:
    secret = str(_option("webhook_secrets")[0])
    moment = int(time.time())  # a signature's age is judged by the real clock
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "sandbox-signature": f"t={moment},v1={digest}"}


# --- the stories -----------------------------------------------------------------------------


def ordinary(past: Past) -> None:
    """Paid; mostly told by a notification, now and then found by asking."""
    method = METHODS[past.number % len(METHODS)]
    past.capture(past.pay(method), told=past.number % 5 != 1)


def second_try(past: Past) -> None:
    """Declined, then paid another way."""
    first = past.pay("redirect")
    past.later(30)
    past.bank.act(first, "decline")
    past.check()
    past.capture(past.pay("qr"))


def paid_twice(past: Past) -> None:
    """Left the bank's page, paid by phone, and paid the page as well."""
    first = past.pay("redirect")
    second = past.pay("qr")
    past.capture(second)
    past.capture(first, told=True)
    sweeping.sweep(now=past.later(5))


def partly_refunded(past: Past) -> None:
    """Something was broken: a part goes back."""
    reference = past.pay("card")
    past.capture(reference)
    payments.refund_payment(
        payment_reference=reference, amount_minor=500, refunded_so_far_minor=0,
        reason="Goods damaged", actor="refunds", claim=None, now=past.later(3600),
    )  # fmt: skip
    outbox.relay(now=past.at)


def given_up(past: Past) -> None:
    """Opened a payment and went away: the order expires."""
    past.pay(METHODS[past.number % len(METHODS)])
    past.later(settings.ORDER_LIFETIME.total_seconds() + 60)
    orders.expire_unpaid_orders(now=past.at)


def thought_better(past: Past) -> None:
    """Cancelled by the shopper before anything was paid."""
    orders.cancel_order(public_id=past.order.public_id, claim=None, now=past.later(90))


def disputed(past: Past) -> None:
    """Paid, and disputed at the shopper's bank: a case for a person."""
    reference = past.pay("card")
    past.capture(reference)
    past.later(7200)
    past.tell(reference, "payment.disputed")


def insists(past: Past) -> None:
    """Says paid again and again; the bank knows nothing: a case for a person."""
    past.pay("qr")
    for _ in range(settings.SAYS_PAID_MAX + 1):
        past.check()
    past.later(settings.ORDER_LIFETIME.total_seconds() + 60)
    orders.expire_unpaid_orders(now=past.at)


STORIES: dict[int, Told] = {
    3: second_try, 7: given_up, 9: paid_twice, 12: partly_refunded, 16: given_up, 19: disputed,
    21: thought_better, 24: second_try, 27: given_up, 30: insists, 32: partly_refunded,
}  # fmt: skip
ORDERS = 36


def tell_history(*, now: datetime) -> int:
    """Live through what is missing of the past; how many orders were made.

    Repeatable: an order that is there is not made again, whatever became of it.
    """
    known = set(Order.objects.filter(email__startswith="history-").values_list("email", flat=True))
    missing = [n for n in range(ORDERS) if ADDRESS.format(n) not in known]
    if not missing:
        return 0
    bank = Bank(settings.BANK_URL, now)
    bank.wait()
    bank.be_silent(silent=True)
    try:
        for number in missing:
            _live(number, bank, now)
    finally:
        bank.live_now()
        bank.be_silent(silent=False)
    books.reconcile_missing_days(now=now)
    return len(missing)


def _live(number: int, bank: Bank, now: datetime) -> None:
    """The orders are spread over the days, the last ones over the last hours."""
    at = now - OVER_BEFORE - timedelta(days=DAYS) * (ORDERS - 1 - number) / ORDERS
    bank.live_at(at)
    dice = Random(number)  # noqa: S311 - the same past each time
    order = orders.place_order(
        shopper=orders.Shopper(ADDRESS.format(number)),
        wishes=[orders.Wish(SKUS[number % len(SKUS)], dice.randint(1, 3))],
        currency="USD" if number % 6 == 5 else "EUR",
        delivery="",
        claim=Claim("seed_history", f"history-order-{number:04}", "0" * 64),
        now=at,
    )
    STORIES.get(number, ordinary)(Past(number, bank, at, dice, order))
