"""The seven steps of a purchase: how each is come to, taken, and finished after a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tests.matrix.scene import Scene
from tests.orders.story import fresh


@dataclass
class Walk:
    """`act` is the step itself, and may be taken again with the same key by whoever took it."""

    #: Where in the code this step can be struck; each is told by a variant of its own.
    strikes: ClassVar[tuple[str, ...]]
    #: What it comes to in the end when the fault had it refused.
    end: ClassVar[str]

    scene: Scene
    key: str

    def prepare(self) -> None:
        """Everything before the step; nothing is wrong yet."""

    def act(self) -> int:
        """Take the step: the status of the answer, 0 when there was none."""
        raise NotImplementedError

    def finish(self) -> None:
        """The fault is over: what everybody does then by themselves."""


class Begin(Walk):
    """The shopper asks to pay, until the attempt is committed."""

    strikes: ClassVar[tuple[str, ...]] = ("payment.writing",)
    end = "1"

    def act(self) -> int:
        return int(self.scene.starts(key=self.key).status_code)

    def finish(self) -> None:
        self.scene.rests(1)
        self.scene.becomes_payable()
        assert len(self.scene.references) == 1
        self.scene.pays()
        self.scene.rests()


class Call(Begin):
    """The bank is asked to open the payment."""

    strikes: ClassVar[tuple[str, ...]] = ("gateway.answered",)

    def finish(self) -> None:
        (reference,) = self.scene.references
        super().finish()
        assert self.scene.references == [reference]


class Settle(Walk):
    """The money is at the bank; the shopper says so."""

    strikes: ClassVar[tuple[str, ...]] = ("outcome.recording",)
    end = "1"

    def prepare(self) -> None:
        self.scene.starts()
        self.scene.pays()

    def act(self) -> int:
        return int(self.scene.checks().status_code)

    def finish(self) -> None:
        assert self.scene.checks().status_code in (302, 303)
        self.scene.rests()


class Webhook(Settle):
    """The bank tells us, and tells us again until it hears a 2xx."""

    strikes: ClassVar[tuple[str, ...]] = ("notification.storing",)

    def act(self) -> int:
        return int(self.scene.notifies().status_code)

    def finish(self) -> None:
        assert self.scene.notifies().status_code == 200
        self.scene.rests()


class Poll(Settle):
    """Nobody tells us: we ask."""

    strikes: ClassVar[tuple[str, ...]] = ("poll.answered", "outcome.recording")

    def act(self) -> int:
        return self.scene.sweeps()

    def finish(self) -> None:
        self.scene.rests()


class Cancel(Walk):
    """The shopper wants no more of it, before anything was paid."""

    strikes: ClassVar[tuple[str, ...]] = ("close.writing", "close.committed")
    end = "0"

    def prepare(self) -> None:
        self.scene.starts()

    def act(self) -> int:
        return int(self.scene.cancels(self.key).status_code)

    def finish(self) -> None:
        answer = self.scene.cancels(self.key)
        if answer.status_code != 200:
            assert answer.status_code in (202, 409), answer.content
            self.scene.rests()
            assert self.scene.cancels().status_code == 200
        assert fresh(self.scene.order).state == "cancelled"
        assert [self.scene.bank.pay(r).status_code for r in self.scene.references] == [409]


class Refund(Walk):
    """Staff send a part of the money back."""

    strikes: ClassVar[tuple[str, ...]] = ("refund.writing", "refund.committed", "refund.answered")
    end = "Rf"

    def prepare(self) -> None:
        self.scene.is_paid()

    def act(self) -> int:
        return int(self.scene.refunds(key=self.key).status_code)

    def finish(self) -> None:
        assert self.scene.refunds(key=self.key).status_code == 201
        self.scene.rests()


WALKS: dict[str, type[Walk]] = {
    "B": Begin,
    "C": Call,
    "S": Settle,
    "W": Webhook,
    "P": Poll,
    "X": Cancel,
    "R": Refund,
}
