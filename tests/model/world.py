"""One moment of one order: our rows, the bank's, what is on the wire, and who is at what.

Money is counted in halves: the order owes `OWED`. A world is a plain value, so that the
explorer can tell whether it has been there before.
"""

from typing import NamedTuple

from orders.models.order import OrderState
from payments.models.payment import UNSETTLED, Role, State
from payments.models.refund import OUTSTANDING, RefundKind, RefundState
from payments.outcomes import Kind

OWED = 2
#: An attempt's row before it is born, or after a failover has lost it.
NO_ROW = ""


class Method(NamedTuple):
    """What one way to pay can do at the bank."""

    name: str
    closable: bool = True  # an open payment can be closed before its time limit
    remembers: bool = False  # a close for a reference not seen yet refuses its later create
    charges: bool = False  # the create itself may take the money
    waits: bool = False  # the shopper only agrees: the money moves when we capture


class Taking(NamedTuple):
    """Money that the bank took: one gateway transaction, and how our row books it."""

    amount: int
    role: str = ""  # "": not booked; else the state of its row: captured or surplus


class Attempt(NamedTuple):
    """One attempt to collect: our row first, then the bank's side, then its process."""

    state: str = NO_ROW
    role: str = Role.NONE
    send_count: int = 0
    shown: bool = False  # the presentation is known: never sent again
    close_wanted: bool = False
    capture_wanted: bool = False
    polled: bool = False  # next_poll_at is set
    # The bank's:
    bank: str = ""  # "", open, agreed, paid, declined, closed
    refusing: bool = False  # closed before it was seen
    wire: int = 0  # create requests that have not arrived yet
    capture_wire: int = 0  # and captures
    takings: tuple[Taking, ...] = ()
    # The process that sends it: "", committed, waiting, or the kind of its answer.
    sender: str = ""
    captures: bool = False  # what it sends is a capture
    capture_tries: int = 0

    @property
    def is_final(self) -> bool:
        """As `Payment.is_final`."""
        return self.state not in UNSETTLED

    @property
    def has_row(self) -> bool:
        return self.state != NO_ROW


class Refund(NamedTuple):
    """Money on its way back: our row, the bank's side, the process that drives it."""

    attempt: int
    taking: int
    amount: int
    kind: str = RefundKind.SURPLUS
    state: str = RefundState.APPROVED
    seen: int = -1  # the refunded-so-far figure that staff saw
    bank: str = ""  # "", working, done, failed
    again: int = 0  # times that an unkeyed repeat sent the money once more
    wire: int = 0
    sends: int = 0
    driver: str = ""  # "", waiting, or the state that the bank answered
    asker: str = ""  # what the bank answered to a repeated notification, not written yet
    asked: str = ""  # where the row stood when that was asked
    late_news: bool = False  # the bank has yet to tell that it failed after all

    @property
    def is_outstanding(self) -> bool:
        return self.state in OUTSTANDING

    @property
    def counts(self) -> bool:
        """Against the balance: done, or not known to have failed."""
        return self.is_outstanding or self.state == RefundState.DONE


class Talk(NamedTuple):
    """A process that talks to the bank about an attempt: it asked, and has not written yet."""

    who: str  # ask, sweep (closes), switch, cancel, return
    attempt: int
    stage: str  # close (to be sent), told (an answer to record), free, leave, retire, come, stand
    kind: str = ""
    asked: int = 0
    seen: int = 0  # takings that the answer showed
    backs: tuple[int, ...] = ()  # refunds that the answer showed as done
    close: str = ""  # what a close was answered
    settled: bool = False  # what a process without the lock has read


class Order(NamedTuple):
    """Orders' side, with its one piece of stock."""

    state: str = OrderState.UNPAID
    cancel_wanted: bool = False
    close_answered: bool = False  # close_tries > 0
    returned: bool = False  # capture_returned_at
    stock: str = "reserved"  # reserved, free, sold, elsewhere

    @property
    def is_open(self) -> bool:
        return self.state in (OrderState.UNPAID, OrderState.PAYING)


class Fact(NamedTuple):
    """What payments tell orders; it waits in the outbox when nobody could hear it."""

    name: str
    one: bool = False  # may still arrive / settles / settles
    two: bool = False  # - / fully refunded / was done


class World(NamedTuple):
    """All of it."""

    order: Order = Order()
    closed: bool = False  # the intent's closed_at
    attempts: tuple[Attempt, ...] = ()
    refunds: tuple[Refund, ...] = ()
    talks: tuple[Talk, ...] = ()
    outbox: tuple[Fact, ...] = ()
    tasks: tuple[tuple[int, int], ...] = ()  # refunds that only a message knows of
    forms: tuple[int, ...] = ()  # staff: -2 not opened, -1 sent, else the figure it shows
    reader: bool = False  # a start has read, without the lock, that nothing is in its way
    budget: tuple[int, ...] = ()  # what may still go wrong: deaf handlers, lost commits
    past: tuple["World", ...] = ()  # our rows before the last commits, while one may be lost

    def with_attempt(self, i: int, **changes: object) -> "World":
        rows = list(self.attempts)
        rows[i] = rows[i]._replace(**changes)  # type: ignore[arg-type]
        return self._replace(attempts=tuple(rows))

    def with_refund(self, r: int, **changes: object) -> "World":
        rows = list(self.refunds)
        rows[r] = rows[r]._replace(**changes)  # type: ignore[arg-type]
        return self._replace(refunds=tuple(rows))

    def with_taking(self, i: int, t: int, role: str) -> "World":
        takings = list(self.attempts[i].takings)
        takings[t] = takings[t]._replace(role=role)
        return self.with_attempt(i, takings=tuple(takings))

    def without(self, talk: Talk) -> "World":
        talks = list(self.talks)
        talks.remove(talk)
        return self._replace(talks=tuple(talks))

    def with_talk(self, talk: Talk) -> "World":
        return self._replace(talks=tuple(sorted((*self.talks, talk))))

    @property
    def live(self) -> int | None:
        """The attempt that the shopper can pay now."""
        return next((i for i, a in enumerate(self.attempts) if a.role == Role.LIVE), None)

    @property
    def settling(self) -> tuple[int, int] | None:
        """(attempt, taking) of the capture that pays the intent."""
        for i, attempt in enumerate(self.attempts):
            for t, taking in enumerate(attempt.takings):
                if taking.role == State.CAPTURED:
                    return i, t
        return None

    @property
    def may_still_arrive(self) -> bool:
        return any(a.has_row and not a.is_final for a in self.attempts)

    def refunded(self, i: int, t: int) -> int:
        """Of a taking, as our rows say."""
        return sum(
            r.amount for r in self.refunds
            if (r.attempt, r.taking) == (i, t) and r.state == RefundState.DONE
        )  # fmt: skip

    def spoken_for(self, i: int, t: int) -> int:
        """Of a taking: done and pending."""
        return sum(r.amount for r in self.refunds if (r.attempt, r.taking) == (i, t) and r.counts)

    def went_back(self, i: int, t: int) -> int:
        """Of a taking, as the bank says."""
        return sum(
            r.amount * ((r.bank == "done") + r.again) for r in self.refunds
            if (r.attempt, r.taking) == (i, t)
        )  # fmt: skip


KIND_OF_BANK = {
    "open": Kind.PENDING,
    "agreed": Kind.AUTHORIZED,
    "paid": Kind.CAPTURED,
    "declined": Kind.DECLINED,
    "closed": Kind.CLOSED,
}
