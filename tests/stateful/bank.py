"""A bank in memory: its ledger of real money, its keys, and what has not reached it yet.

It trusts its merchants too much on purpose: it refunds more than it took if it is asked
under a new key, so that a double refund shows in its books instead of being refused there.
It notes in `complaints` whatever a merchant must never do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from payments.gateways import base
from tests.stateful.clock import Clock

#: A request that is under way for longer than this never arrives: the horizon counts on it.
DELAY_MAX = timedelta(seconds=60)


@dataclass
class GivenBack:
    """A refund: it may fail even after it was done."""

    request: base.RefundRequest
    state: base.RefundState
    at: datetime


@dataclass
class Charge:
    """One transaction that took real money."""

    transaction_id: str
    amount_minor: int
    currency: str
    at: datetime
    back: list[GivenBack] = field(default_factory=list)

    def returned_minor(self) -> int:
        done = [b for b in self.back if b.state is base.RefundState.DONE]
        return sum(b.request.amount_minor for b in done)


@dataclass
class Account:
    """The bank's object for one create request."""

    request: base.CreateRequest
    state: base.State
    note: str = ""
    in_process: bool = False  # the shopper has paid, the money is not here yet
    charges: list[Charge] = field(default_factory=list)

    @property
    def reference(self) -> str:
        return self.request.reference


@dataclass
class Underway:
    """A request that left us and has not arrived."""

    what: Callable[[], object]
    sent_at: datetime
    reference: str = ""


class Bank:
    """Everything that one story's bank knows."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.restart()

    def restart(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.never_open: set[str] = set()  # closed before they were seen
        self.refunds: dict[str, GivenBack] = {}
        self.underway: list[Underway] = []
        self.events: list[base.NotificationHint] = []
        self.complaints: list[str] = []
        self.refund_verdict = base.RefundState.DONE  # of the next one
        self.next_card_is_refused = False
        self.forgotten: set[str] = set()  # the shop lost the commits that knew of them
        self.numbers = 0

    # --- what a merchant asks -------------------------------------------------------------

    def create(self, request: base.CreateRequest) -> Account | None:
        """Open it once however often it is asked; None: it was closed before it was seen."""
        known = self.accounts.get(request.reference)
        if known is not None:
            if known.request != request:
                self.complaints.append(f"key {request.reference} came with another request")
            return known
        if request.reference in self.never_open:
            return None
        self._complain_of_a_second_key(request)
        account = Account(request, base.State.PENDING)
        self.accounts[request.reference] = account
        if request.method == "card":
            self._try_card(account)
        return account

    def capture(self, reference: str) -> Account | None:
        """Take what the shopper agreed to, once; or say that nothing was agreed to."""
        account = self.find(reference)
        if account and account.state is base.State.AUTHORIZED:
            refused, self.next_card_is_refused = self.next_card_is_refused, False
            if refused:
                account.state, account.note = base.State.PENDING, "the wallet is empty"
            else:
                self._charge(account, account.request.amount_minor, account.request.currency)
        return account

    def close(self, reference: str, method: str) -> tuple[base.CloseAnswer, Account | None]:
        account = self.find(reference)
        if account is None:
            if method == "qr":
                self.never_open.add(reference)
            return base.CloseAnswer.NOT_FOUND, None
        if account.charges:
            return base.CloseAnswer.ALREADY_PAID, account
        if account.request.method == "consent":
            return base.CloseAnswer.CLOSED, account  # nothing happens there: nobody captures it
        if account.state is base.State.PENDING:
            if account.request.method == "redirect" or account.in_process:
                return base.CloseAnswer.NOT_CLOSABLE, account
            self._end(account, base.State.CLOSED, "payment.closed")
        return base.CloseAnswer.CLOSED, account

    def refund(self, request: base.RefundRequest) -> GivenBack:
        known = self.refunds.get(request.reference)
        if known is not None:
            if known.request != request:
                self.complaints.append(f"refund key {request.reference} came with another request")
            return known
        charge = self.charge(request.payment.transaction_id)
        back = GivenBack(request, self.refund_verdict, self.clock.now)
        self.refund_verdict = base.RefundState.DONE
        self.refunds[request.reference] = back
        if charge is None:
            self.complaints.append(f"refund of an unknown charge {request.payment}")
        else:
            charge.back.append(back)
        return back

    # --- what shoppers and time do --------------------------------------------------------

    def payable(self) -> list[Account]:
        """What a shopper's phone or browser can pay now, whatever the shop thinks of it."""
        found = [self.find(reference) for reference in self.accounts]
        return [a for a in found if a and a.state is base.State.PENDING and not a.in_process]

    def charged(self) -> list[Account]:
        return [a for a in self.accounts.values() if a.charges]

    def in_process(self) -> list[Account]:
        return [a for a in self.accounts.values() if a.in_process]

    def returns(self) -> list[GivenBack]:
        """Refunds that may still come to another end."""
        final = base.RefundState.FAILED
        return [b for b in self.refunds.values() if b.state is not final]

    def run_out(self) -> list[Account]:
        """Pages whose time is over and whose bank may take the money all the same."""
        return [
            account
            for account in map(self.find, list(self.accounts))
            if account
            and account.state is base.State.CLOSED
            and account.request.method == "redirect"
        ]

    def pay(self, account: Account, amount_minor: int | None = None) -> None:
        request = account.request
        if request.method == "consent":
            account.state = base.State.AUTHORIZED
            self._tell("payment.authorized", account)
        else:
            self._charge(account, amount_minor or request.amount_minor, request.currency)

    def pay_slowly(self, account: Account) -> None:
        """The shopper's yes counts; the money comes when it comes, also after the time limit."""
        account.in_process = True

    def money_lands(self, account: Account) -> None:
        account.in_process = False
        self.pay(account)

    def decline(self, account: Account) -> None:
        """A no that the shopper may repeat as a yes: the object stays payable."""
        account.note = "insufficient funds"
        self._tell("payment.failed", account)

    def decide(self, back: GivenBack, state: base.RefundState) -> None:
        """A refund comes to its end, or fails after it was done."""
        back.state, back.at = state, self.clock.now
        self.numbers += 1
        self.events.append(
            base.NotificationHint(
                f"event-{self.numbers}",
                f"refund.{state}",
                back.request.payment.reference,
                back.request.reference,
            )
        )

    def deliver_late_requests(self) -> None:
        """What was under way arrives now, unless that can be no more."""
        arriving, self.underway = self.underway, []
        for request in arriving:
            if self.clock.now - request.sent_at <= DELAY_MAX:
                request.what()

    # --- the books ------------------------------------------------------------------------

    def find(self, reference: str) -> Account | None:
        """The object as it is now: one whose time is over is closed."""
        account = self.accounts.get(reference)
        unpaid = (base.State.PENDING, base.State.AUTHORIZED)
        waiting = account and account.state in unpaid and not account.in_process
        if account and waiting and self.clock.now >= account.request.expires_at:
            account.state = base.State.CLOSED
        return account

    def charges(self, order_reference: str) -> list[Charge]:
        return [
            charge
            for account in self.accounts.values()
            if account.request.order_reference == order_reference
            for charge in account.charges
        ]

    def charge(self, transaction_id: str) -> Charge | None:
        for account in self.accounts.values():
            for charge in account.charges:
                if charge.transaction_id == transaction_id:
                    return charge
        return None

    def refunds_in_doubt(self) -> bool:
        """Some that no statement shows, not yet or not any more: only their rows know of them."""
        done = base.RefundState.DONE
        return bool(self.underway) or any(b.state is not done for b in self.refunds.values())

    def has_returned(self, refund_reference: str) -> bool:
        back = self.refunds.get(refund_reference)
        return back is not None and back.state is base.RefundState.DONE

    # --- inside ---------------------------------------------------------------------------

    def _charge(self, account: Account, amount_minor: int, currency: str) -> None:
        self.numbers += 1
        name = f"tx-{self.numbers}-{account.reference}"
        account.charges.append(Charge(name, amount_minor, currency, self.clock.now))
        account.state = base.State.CAPTURED
        self._tell("payment.paid", account)

    def _try_card(self, account: Account) -> None:
        refused, self.next_card_is_refused = self.next_card_is_refused, False
        if refused:
            self._end(account, base.State.DECLINED, "payment.declined")
        else:
            self.pay(account)

    def _end(self, account: Account, state: base.State, kind: str) -> None:
        account.state = state
        self._tell(kind, account)

    def _tell(self, kind: str, account: Account) -> None:
        self.numbers += 1
        self.events.append(base.NotificationHint(f"event-{self.numbers}", kind, account.reference))

    def _complain_of_a_second_key(self, request: base.CreateRequest) -> None:
        """A new key for the same order and method only after the old object is dead."""
        for other in self.accounts.keys() - self.forgotten:
            account = self.find(other)
            same = account and (account.request.order_reference, account.request.method) == (
                request.order_reference,
                request.method,
            )
            # Consent is not money: what we closed nobody captures, whatever the page shows.
            dead = request.method == "consent"
            if account and same and account.state is base.State.PENDING and not dead:
                self.complaints.append(
                    f"{request.reference} was opened beside {other}, which can still be paid"
                )
