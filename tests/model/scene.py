"""A scenario: which part of the protocol is explored, and what may go wrong in it."""

from dataclasses import dataclass

from tests.model.bank import Bank
from tests.model.world import Attempt, World


@dataclass(frozen=True)
class Scene:
    """Bounded on purpose: each looks at one danger with everything that belongs to it."""

    name: str
    story: str
    bank: Bank
    sends: int = 1  # creates of one attempt, the first included
    asks: int = 1  # questions to the bank at the same time
    switches: bool = False
    insists: bool = False  # leaves what it could not close, after asking for ten seconds
    returns: bool = False  # the shopper comes back to what was left
    cancels: bool = False
    tells: bool = False  # the bank repeats its notifications until one is heard
    statement: bool = False  # the day's reconciliation belongs to it
    crashes: bool = True
    deaf: int = 0  # how often orders may fail to hear their facts
    losses: int = 0  # commits that the failover may lose
    staff: tuple[int, ...] = ()  # what each of the staff wants to send back
    refunds: tuple[str, ...] = ()  # working, failed, late: what else the bank may do with one
    one_capture: bool = False  # nothing here allows two captures, not even for a moment
    floor: int = 1  # fewer states than this, and it explores less than it did
    #: Where it begins, if not with an order that was just placed.
    begins: World | None = None

    def first(self) -> World:
        """The world before anybody does anything."""
        begin = self.begins or World(attempts=tuple(Attempt() for _ in self.bank.methods))
        forms = tuple(-2 for _ in self.staff)
        return begin._replace(forms=forms, budget=(self.deaf, self.losses))
