"""Everything an order's page shows, gathered once: no query and no decision in a template."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from orders.forms import PAYER_FACTS, country_name
from orders.models import CreditNote, Invoice, Order, OrderLine
from orders.pages import headings
from orders.pages import situation as situations
from orders.pages.presented import Presented, present
from orders.pages.situation import Attempts, Situation
from orders.pages.words import ReasonWords, method_words, reason_words
from orders.post.pushing import push_key
from payments import services as payments
from payments.services import MethodOffer, PaymentView

ADDRESS_LINES = (("name",), ("street",), ("postcode", "city"))
#: Without scripts the page asks again by itself, more often where the answer is near.
REFRESH_SECONDS = {
    Situation.CHECKING: 4,
    Situation.SWITCHING: 4,
    Situation.CLOSING: 6,
    Situation.PAY: 10,
}
#: The invoice rides the relay, which runs each second.
INVOICE_SECONDS = 2
#: A push tells of the order; that a bank answered about a payment only shows on the page.
WAITING = {Situation.CHECKING, Situation.SWITCHING, Situation.CLOSING}
WAITING_SECONDS = 3
WAITING_SECONDS_LATER = 10


@dataclass(frozen=True)
class Fact:
    """What a way to pay asks of who pays."""

    name: str
    label: str
    autocomplete: str


@dataclass(frozen=True)
class Offer:
    """One way to pay in the radio list."""

    method: str
    title: str
    explained: str
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Hints:
    """What the address adds: it changes words and what is preselected, never the state."""

    asked_at: datetime | None = None
    method: str = ""
    go: bool = False
    same_wish: bool = False
    unreachable: bool = False
    facts: bool = False  # the chosen method needs more about who pays


@dataclass(frozen=True)
class OrderPage:
    """The page of one order at one moment."""

    order: Order
    lines: list[OrderLine]
    attempts: Attempts
    situation: Situation
    methods: list[Offer]
    has_invoice: bool
    credit_notes: list[CreditNote]
    presented: Presented
    hints: Hints
    now: datetime

    @property
    def template(self) -> str:
        return f"shopper/situations/{self.situation}.html"

    @property
    def heading(self) -> str:
        return headings.heading(self.situation, self.attempts)

    @property
    def tone(self) -> str:
        return headings.TONES[self.situation][0]

    @property
    def mark(self) -> str:
        return headings.TONES[self.situation][1]

    @property
    def live(self) -> PaymentView | None:
        return self.attempts.live

    @property
    def kept(self) -> PaymentView | None:
        return self.attempts.kept

    @property
    def surplus(self) -> tuple[PaymentView, ...]:
        return self.attempts.surplus

    @property
    def asked(self) -> bool:
        """The shopper has just asked, and the bank did not say "paid"."""
        return self.hints.asked_at is not None

    @property
    def surplus_heading(self) -> str:
        return headings.surplus_heading(self.attempts)

    @property
    def earlier(self) -> tuple[PaymentView, ...]:
        return self.attempts.earlier

    @property
    def is_open(self) -> bool:
        """Whether the purchase is still on its way: its last step is shown."""
        return self.situation in situations.OPEN

    @property
    def is_settled(self) -> bool:
        return self.situation in (Situation.PAID, Situation.REFUNDED, Situation.CANCELLED)

    @property
    def watch(self) -> bool:
        """Whether something can still change that the shopper waits for."""
        moving = any(r.state not in ("done", "failed") for r in self._refunds())
        return not self.is_settled or moving or bool(self.earlier) or not self._has_papers

    @property
    def _has_papers(self) -> bool:
        if not self.has_invoice:
            return self.situation is not Situation.PAID
        back = self.kept.refunds if self.kept else ()
        return len(self.credit_notes) >= sum(refund.state == "done" for refund in back)

    def _refunds(self) -> Iterable[payments.RefundView]:
        money = [*self.surplus, *([self.kept] if self.kept else [])]
        return (refund for payment in money for refund in payment.refunds)

    # --- time ------------------------------------------------------------------------------

    @property
    def waited_seconds(self) -> float:
        return situations.waited_seconds(self.live, self.hints.asked_at, self.now)

    @property
    def may_switch(self) -> bool:
        return self.waited_seconds >= situations.MAY_SWITCH_AFTER_SECONDS and bool(self.methods)

    @property
    def is_slow(self) -> bool:
        return self.waited_seconds >= situations.SLOW_AFTER_SECONDS

    @property
    def is_very_slow(self) -> bool:
        return self.waited_seconds >= situations.VERY_SLOW_AFTER_SECONDS

    @property
    def refresh_seconds(self) -> int | None:
        """For a browser without scripts; never while it shows a form that somebody types into."""
        if self.shows_frame:
            return None
        return REFRESH_SECONDS.get(self.situation)

    @property
    def reread_seconds(self) -> int | None:
        """When to read the page again though no push came: time or a payment may have moved."""
        if not self._has_papers:
            return INVOICE_SECONDS
        if self.situation not in WAITING:
            return None
        return WAITING_SECONDS_LATER if self.is_slow else WAITING_SECONDS

    # --- paying ------------------------------------------------------------------------------

    @property
    def shows_frame(self) -> bool:
        return bool(self.presented.frame_url) and self.situation is Situation.PAY

    @property
    def go_url(self) -> str:
        """The bank's page, right after the shopper chose it; then never again by itself."""
        return self.presented.bank_url if self.hints.go else ""

    @property
    def chosen(self) -> str:
        """The method to preselect: the one asked for, else one not tried yet."""
        names = [offer.method for offer in self.methods]
        if self.hints.method in names:
            return self.hints.method
        tried = self.live.method if self.live else ""
        return next((name for name in names if name != tried), "")

    @property
    def key(self) -> str:
        """Names one press of the pay button, however often the browser sends it."""
        return secrets.token_urlsafe(18)

    @property
    def reason(self) -> ReasonWords:
        return reason_words(self.attempts.last.note if self.attempts.last else "")

    @property
    def ended(self) -> bool:
        """The last attempt ran out or was closed without money."""
        last = self.attempts.last
        return last is not None and last.state == "closed"

    # --- the rest ------------------------------------------------------------------------------

    @property
    def address(self) -> list[str]:
        told = self.order.address
        lines = [" ".join(str(told.get(part, "")) for part in line) for line in ADDRESS_LINES]
        country = country_name(told["country"]) if told.get("country") else ""
        return [line.strip() for line in (*lines, country) if line.strip()]

    @property
    def push_key(self) -> str:
        """What a browser needs to be notified; empty where nobody can be."""
        return push_key()

    @property
    def status_url(self) -> str:
        return f"/api/v1/orders/{self.order.public_id}/status/"

    @property
    def version(self) -> str:
        """Differs when the page's words do; the script swaps the region only then."""
        facts = [self.situation, self.is_slow, self.is_very_slow, self.may_switch]
        facts += [(p.reference, p.state, p.refunds) for p in (*self.surplus, *self.earlier)]
        facts += [p and (p.reference, p.state, p.refunds) for p in (self.live, self.kept)]
        facts += [self.presented.kind, self.has_invoice, len(self.credit_notes)]
        facts += [[o.method for o in self.methods]]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def gather(order: Order, hints: Hints, *, now: datetime) -> OrderPage:
    """Read everything the page needs: lines, payments, and the invoice if there can be one."""
    attempts = Attempts.of(payments.list_payments(order_reference=order.number))
    found = situations.find(order, attempts, asked_at=hints.asked_at, now=now)
    offers = _offers(order) if found in situations.OPEN else []
    kept = attempts.kept
    return OrderPage(
        order=order,
        lines=list(order.lines.select_related("product")),
        attempts=attempts,
        situation=found,
        methods=offers,
        has_invoice=kept is not None and Invoice.objects.filter(order=order).exists(),
        credit_notes=_credit_notes(order) if kept and kept.refunds else [],
        presented=present(attempts.live, now=now),
        hints=hints,
        now=now,
    )


def _credit_notes(order: Order) -> list[CreditNote]:
    return list(CreditNote.objects.filter(invoice__order=order))


def _offers(order: Order) -> list[Offer]:
    offered = payments.offered_methods(amount_minor=order.total_minor, currency=order.currency)
    return [_offer(offer) for offer in offered]


def _offer(offer: MethodOffer) -> Offer:
    words = method_words(offer.method, offer.title)
    facts = tuple(Fact(name, *map(str, PAYER_FACTS[name])) for name in offer.needs)
    return Offer(offer.method, str(words.title), str(words.explained), facts)


def order_address(public_id: str, **query: object) -> str:
    """The order page's own address, with hints for its words."""
    address = reverse("shopper:order", args=[public_id])
    pairs = "&".join(f"{name}={value}" for name, value in query.items() if value)
    return f"{address}?{pairs}" if pairs else address
