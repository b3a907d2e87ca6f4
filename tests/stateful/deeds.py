"""Who may do what next, and how often: the machine's own choice among its deeds.

Hypothesis' rules are left out at random, half of them in each story on average. A shop in
which nobody starts a payment, or none is paid, tells nothing: here every deed that is
possible now stands ready, the usual ones more often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import note
from hypothesis import strategies as st

from shop.failpoints import POINTS
from tests.stateful.gateway import SCRIPT, Fate

F = TypeVar("F", bound=Callable[..., None])

#: Half of all calls are answered; the other half go wrong in one of the other ways.
fates = st.lists(st.sampled_from([Fate.ANSWERED] * 7 + list(Fate)), max_size=3)
cuts = st.sampled_from([""] * 20 + sorted(POINTS))
which = st.integers(0, 7)
#: A poll's pause, a lease, a minute: a story in which hours fly by is over before it begins.
spans = st.sampled_from([1, 4, 4, 13, 13, 31, 31, 61, 61, 301])
#: A QR's life, a page's, the end of every horizon, an order's life.
long_spans = st.sampled_from([901, 1801, 2101, 7201])
#: Most people come at once, some after a while.
waits = st.sampled_from([0, 0, 0, 0, 4, 13, 13, 61])
methods = st.sampled_from(["qr", "redirect", "card", "consent"])
percents = st.sampled_from([30, 60, 100, 100])
#: Far more than there are deeds, so that each is as likely as it is said to be.
NUMBERS = 10_000


@dataclass(frozen=True)
class Deed:
    """Something that somebody may do."""

    name: str
    often: int
    when: Callable[[Any], Any]
    told: dict[str, st.SearchStrategy[Any]]


def always(machine: Any) -> bool:
    return True


def at_the_bank(what: str) -> Callable[[Any], Any]:
    """Whether the bank has any of these now."""
    return lambda machine: getattr(SCRIPT.bank, what)()


def deed(
    often: int = 1,
    when: Callable[[Any], Any] = always,
    **told: st.SearchStrategy[Any],
) -> Callable[[F], F]:
    """Decorator: the method may be chosen, `often` times as likely as a rare one."""

    def mark(method: F) -> F:
        method.deed = Deed(method.__name__, often, when, told)  # type: ignore[attr-defined]
        return method

    return mark


def deeds_of(machine: type) -> list[Deed]:
    """The usual ones first: a failing story shrinks towards them."""
    found = [method.deed for method in vars(machine).values() if hasattr(method, "deed")]
    return sorted(found, key=lambda one: (-one.often, one.name))


def choose(machine: Any, deeds: list[Deed], data: Any) -> tuple[str, dict[str, Any]]:
    """The next deed's name and what it is told.

    Each step draws the same things in the same order, whoever stands ready: a call takes real
    milliseconds, so what is possible may differ when Hypothesis tells a story again.
    """
    kinds = list({id(kind): kind for one in deeds for kind in one.told.values()}.values())
    number, *values = data.draw(st.tuples(st.integers(0, NUMBERS), *kinds))
    drawn = {id(kind): value for kind, value in zip(kinds, values, strict=True)}
    ready = [one for one in deeds if one.when(machine) for _ in range(one.often)]
    chosen = ready[number % len(ready)]
    told = {name: drawn[id(kind)] for name, kind in chosen.told.items()}
    note(f"  {chosen.name} {told}")
    return chosen.name, told
