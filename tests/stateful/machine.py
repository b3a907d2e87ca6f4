"""Any story at all: Hypothesis chooses who does what next and how the bank's calls go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from payments.gateways import base
from payments.models import Notification, Payment, Refund
from shop.problems import Problem
from tests.factories import ProductFactory
from tests.stateful import hearing, rest, sometimes
from tests.stateful.deeds import (
    at_the_bank,
    choose,
    cuts,
    deed,
    deeds_of,
    fates,
    long_spans,
    methods,
    percents,
    spans,
    waits,
    which,
)
from tests.stateful.gateway import SCRIPT, SIGNATURE, Fate
from tests.stateful.promises import Promises
from tests.stateful.shop import Shop, Story


class ShopMachine(RuleBasedStateMachine):
    """One shop, one good of which there are three pieces, and whoever comes."""

    shop: ClassVar[Shop]
    reached: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()
        self.story.__enter__()
        self.promises = Promises()
        self.shop.troubles.clear()
        self.orders: list[Any] = []
        self.replica: Any = None
        self.waiting: list[tuple[str, int]] = []  # refunds for a second person

    @property
    def bank(self) -> Any:
        return SCRIPT.bank

    @initialize(method=methods, quantity=st.integers(1, 2))
    def open_the_shop(self, method: str, quantity: int) -> None:
        self.good = ProductFactory(stock=3)
        self.orders.append(self.shop.place(self.good, quantity))
        self.shop.start(self.orders[0], method)

    @rule(data=st.data())
    def then(self, data: Any) -> None:
        name, told = choose(self, DEEDS, data)
        getattr(self, name)(**told)

    # --- shoppers -------------------------------------------------------------------------

    @deed(when=lambda self: len(self.orders) < 2, quantity=st.integers(1, 2))
    def place(self, quantity: int) -> None:
        self.replica = None  # an order that is lost itself owes nothing: not this story's
        order = self.shop.does(lambda: self.shop.place(self.good, quantity))
        if order is not None:
            self.orders.append(order)

    @deed(4, n=which, wait=waits, method=methods, fates=fates, cut=cuts)
    def start(self, n: int, wait: int, method: str, fates: list[Fate], cut: str) -> None:
        SCRIPT.clock.forward(wait)
        order = self._pick(self.orders, n)
        SCRIPT.meanwhile = self._meanwhile(n)
        self.shop.does(lambda: self.shop.start(order, method), fates, cut)

    @deed(7, when=at_the_bank("payable"), n=which)
    def pays(self, n: int) -> None:
        self.bank.pay(self._pick(self.bank.payable(), n))

    @deed(
        2,
        when=at_the_bank("payable"),
        n=which,
        how=st.sampled_from(["slowly", "wrongly", "declined"]),
    )
    def pays_oddly(self, n: int, how: str) -> None:
        account = self._pick(self.bank.payable(), n)
        if how == "slowly":
            self.bank.pay_slowly(account)
        elif how == "declined":
            self.bank.decline(account)
        else:
            self.bank.pay(account, 100)

    @deed(2, when=at_the_bank("run_out"), n=which)
    def pays_what_had_run_out(self, n: int) -> None:
        """The page was open and the bank took it, whatever it had told us before."""
        self.bank.pay(self._pick(self.bank.run_out(), n))

    @deed()
    def next_card_is_refused(self) -> None:
        self.bank.next_card_is_refused = True

    @deed(when=at_the_bank("charged"), n=which)
    def pays_once_more(self, n: int) -> None:
        """A second transaction under one reference."""
        self.bank.pay(self._pick(self.bank.charged(), n))

    @deed(3, n=which, wait=waits, fates=fates, cut=cuts)
    def cancel(self, n: int, wait: int, fates: list[Fate], cut: str) -> None:
        SCRIPT.clock.forward(wait)
        order = self._pick(self.orders, n)
        SCRIPT.meanwhile = self._meanwhile(n)
        self.shop.does(lambda: self.shop.cancel(order), fates, cut)

    @deed(n=which, fates=fates)
    def says_paid(self, n: int, fates: list[Fate]) -> None:
        order = self._pick(self.orders, n)
        self.shop.does(lambda: self.shop.says_paid(order), fates)

    @deed(2, when=lambda self: self.bank.underway)
    def late_requests_arrive(self) -> None:
        self.bank.deliver_late_requests()

    @deed(2, when=at_the_bank("in_process"), n=which)
    def money_lands(self, n: int) -> None:
        self.bank.money_lands(self._pick(self.bank.in_process(), n))

    @deed(
        4,
        when=lambda self: self.bank.events,
        n=which,
        again=st.booleans(),
        follow=st.booleans(),
        fates=fates,
        cut=cuts,
    )
    def notification(self, n: int, again: bool, follow: bool, fates: list[Fate], cut: str) -> None:
        hint = self._pick(self.bank.events, -n)
        notes = self.shop.does(lambda: self.shop.hears(hint), cut_at=cut)
        if notes is not None and not again:
            self.bank.events.remove(hint)  # what was not acknowledged comes again
        if notes and follow:
            self.shop.does(lambda: self.shop.follows(notes), fates, cut)

    @deed(when=at_the_bank("charged"), n=which)
    def forged_notification(self, n: int) -> None:
        account = self._pick(list(self.bank.accounts.values()), n)
        hint = base.NotificationHint(f"forged-{n}", "payment.paid", account.reference)
        before = Notification.objects.count()
        try:
            self.shop.hears(hint, signature="signed by a thief")
        except base.NotificationRefused:
            assert Notification.objects.count() == before
        else:
            raise AssertionError("a forged notification was taken")
        # One that is signed and tells a lie is only a question to the bank.
        notes = self.shop.does(lambda: self.shop.hears(hint, SIGNATURE))
        self.shop.does(lambda: self.shop.follows(notes or []))

    @deed(
        2,
        when=at_the_bank("returns"),
        n=which,
        state=st.sampled_from([base.RefundState.DONE, base.RefundState.FAILED]),
    )
    def bank_decides_a_refund(self, n: int, state: base.RefundState) -> None:
        self.bank.decide(self._pick(self.bank.returns(), n), state)

    @deed(state=st.sampled_from([base.RefundState.PENDING, base.RefundState.FAILED]))
    def next_refund_is_not_done_at_once(self, state: base.RefundState) -> None:
        self.bank.refund_verdict = state

    # --- staff ----------------------------------------------------------------------------

    @deed(
        4,
        when=at_the_bank("charged"),
        n=which,
        percent=percents,
        twice=st.booleans(),
        fates=fates,
        cut=cuts,
    )
    def staff_refund(self, n: int, percent: int, twice: bool, fates: list[Fate], cut: str) -> None:
        payment = self._pick(list(Payment.objects.exclude(captured_minor=0).order_by("id")), n)
        if payment is None:
            return
        seen_minor = payment.refunded_minor + payment.refund_pending_minor
        amount_minor = max(1, (payment.captured_minor - seen_minor) * percent // 100)
        ask = partial(self.shop.refund, payment.reference, amount_minor, seen_minor)
        for _ in range(1 + twice):
            view = self.shop.does(ask, fates, cut)
            if view is not None and view.state == "requested":
                self.waiting.append((view.reference, view.amount_minor))
        asked = Refund.objects.filter(payment=payment, seen_refunded_minor=seen_minor, kind="staff")
        assert asked.exclude(state="failed").count() <= 1, "one figure was refunded from twice"

    @deed(5, when=lambda self: self.waiting, n=which, fates=fates, cut=cuts)
    def second_person(self, n: int, fates: list[Fate], cut: str) -> None:
        reference, amount_minor = self._pick(self.waiting, n)
        self.shop.does(lambda: self.shop.approve(reference, amount_minor), fates, cut)

    # --- time and workers -----------------------------------------------------------------

    @deed(seconds=long_spans)
    def hours_pass(self, seconds: int) -> None:
        SCRIPT.clock.forward(seconds)

    @deed(2, seconds=spans)
    def time_passes(self, seconds: int) -> None:
        SCRIPT.clock.forward(seconds)

    @deed(4, fates=fates, cut=cuts, seconds=spans, n=which)
    def sweep(self, fates: list[Fate], cut: str, seconds: int, n: int) -> None:
        SCRIPT.clock.forward(seconds)
        SCRIPT.meanwhile = self._meanwhile(n)
        self.shop.does(self.shop.sweep, fates, cut)

    @deed(2, n=which, fates=fates, cut=cuts)
    def poll(self, n: int, fates: list[Fate], cut: str) -> None:
        account = self._pick(list(self.bank.accounts), n)
        SCRIPT.meanwhile = self._meanwhile(n)
        if account is not None and Payment.objects.filter(reference=account).exists():
            self.shop.does(lambda: self.shop.poll(account), fates, cut)

    @deed(2, wait=waits, fates=fates, cut=cuts)
    def sweep_orders(self, wait: int, fates: list[Fate], cut: str) -> None:
        SCRIPT.clock.forward(wait)
        self.shop.does(self.shop.sweep_orders, fates, cut)

    @deed(cut=cuts)
    def relay(self, cut: str) -> None:
        self.shop.does(self.shop.relay, cut_at=cut)

    @deed(fates=fates)
    def reconcile(self, fates: list[Fate]) -> None:
        self.shop.does(self.shop.reconcile, fates)

    @deed()
    def orders_stumble(self) -> None:
        hearing.Trouble.left = 1

    @deed(when=lambda self: self.replica is None)
    def replica_catches_up(self) -> None:
        self.replica = transaction.savepoint()

    @deed(when=lambda self: self.replica is not None and not self.bank.refunds_in_doubt())
    def failover(self) -> None:
        """Every commit since the replica's last one is lost; the statement is read first."""
        transaction.savepoint_rollback(self.replica)
        self.replica = None
        self.promises.forget()
        self.bank.forgotten = set(self.bank.accounts) - self.shop.known_references()
        self.shop.reconcile()

    @invariant()
    def promises_hold(self) -> None:
        self.promises.check()
        assert self.shop.troubles == []

    def teardown(self) -> None:
        try:
            if self.orders:
                rest.come_to_rest(self.shop, self.promises)
                self.reached.update(sometimes.reached())
        finally:
            self.story.__exit__()

    def _pick(self, things: Any, n: int) -> Any:
        return things[n % len(things)] if things else None

    def _meanwhile(self, n: int) -> Callable[[], None]:
        """What somebody else does while the bank's answer is on its way to us."""

        def happen() -> None:
            order, payable = self._pick(self.orders, n), self._pick(self.bank.payable(), n)
            try:
                if n % 2 and payable is not None:
                    self.bank.pay(payable)
                    self.shop.follows(self.shop.hears(self.bank.events[-1]))
                else:
                    self.shop.start(order, "qr")
            except (Problem, hearing.Stumble):
                return

        return happen


DEEDS = deeds_of(ShopMachine)
