"""What will happen, drawn from one seed: who buys how, and when what breaks.

The same seed gives the same plan; how the processes interleave is the machine's affair.
"""

from dataclasses import asdict, dataclass
from random import Random
from typing import Any

#: PROOF's mix: scenario and its share in percent.
MIX = {
    "one click": 45,
    "double click": 15,
    "two tabs": 15,
    "switch": 10,
    "abandon": 5,
    "late": 5,
    "decline": 5,
}
#: Mostly repeated clicks: for runs that ask which layer catches them.
IMPATIENT_MIX = {"one click": 10, "double click": 50, "two tabs": 25, "switch": 15}
METHODS = ("qr", "redirect", "card")
#: Of paid orders, in percent: refunded once, by two of the staff at once, in two parts.
REFUNDS = {"once": 5, "two staff": 3, "two parts": 2}
SOCKET_PERCENT = 30
SCARCE_PERCENT = 4
SCARCE = ("vase-single", "blanket-wool")
PLENTIFUL = ("cup-enamel", "tea-sencha", "notebook-dot", "pen-fountain", "candle-cedar")
KILL_SECONDS = 2.0


@dataclass(frozen=True)
class Purchase:
    """One shopper's whole visit."""

    number: int
    scenario: str
    method: str
    other: str  # another method
    scarce: str  # wants this first; empty: nothing scarce
    lines: tuple[tuple[str, int], ...]
    has_scripts: bool  # then the page's button stops the second click
    same_key: bool  # a repeated click sends the same form
    pays_both: bool
    cancels: bool  # else waits until the order runs out
    by_socket: bool
    refund: str  # once, two staff, two parts or empty
    haste: float  # 0 to 1: where this shopper's pauses lie
    key: str

    def as_dict(self) -> dict[str, Any]:
        """For the record of the run."""
        return asdict(self)


def purchase(seed: int, number: int, goods: list[str], mix: dict[str, int]) -> Purchase:
    """The visit of shopper `number`: the same whenever and wherever it is asked for."""
    dice = Random(f"{seed}:shopper:{number}")  # noqa: S311 - a drill's dice, no secret
    (scenario,) = dice.choices(list(mix), list(mix.values()))
    method, other = dice.sample(METHODS, 2)
    if scenario == "abandon":
        method = "qr"
    if scenario == "late" and dice.random() < 0.7:
        method = "redirect"  # cannot be closed: the money may come
    kinds = [*REFUNDS, ""]
    (refund,) = dice.choices(kinds, [*REFUNDS.values(), 100 - sum(REFUNDS.values())])
    chosen = dice.sample(goods, dice.choice((1, 1, 2)))
    return Purchase(
        number=number,
        scenario=scenario,
        method=method,
        other=other,
        scarce=dice.choice(SCARCE) if dice.random() * 100 < SCARCE_PERCENT else "",
        lines=tuple((sku, dice.randint(1, 2)) for sku in chosen),
        has_scripts=dice.random() < 0.5,
        same_key=dice.random() < 0.5,
        pays_both=dice.random() < 0.5,
        cancels=dice.random() < 0.5,
        by_socket=dice.random() * 100 < SOCKET_PERCENT,
        refund=refund,
        haste=dice.random(),
        key=f"{dice.getrandbits(96):024x}",
    )


@dataclass(frozen=True)
class Event:
    """Something that breaks once so many orders are done."""

    after_orders: int
    kind: str


def weather(seed: int, orders: int, *, failover: str, per_thousand: dict[str, int]) -> list[Event]:
    """Every event of a run but the kills, in order; each kind comes at least once."""
    dice = Random(f"{seed}:weather")  # noqa: S311
    events = []
    for kind, count in per_thousand.items():
        many = max(1, round(count * orders / 1000)) if count else 0
        events += [
            # Not in the first tenth and not in the last: there must be somebody to be hurt.
            Event(round(orders * (0.1 + 0.8 * (n + dice.random()) / many)), kind)
            for n in range(many)
        ]
    if failover != "none":
        events.append(Event(round(orders * dice.uniform(0.55, 0.65)), "failover"))
    return sorted(events, key=lambda event: event.after_orders)


def faults(seed: int, epoch: int, *, ignores_key: bool = False) -> dict[str, float]:
    """The bank's knobs in one epoch: three calls in ten go wrong, money is late in every second."""
    knobs: dict[str, float] = {
        "seed": seed * 1000 + epoch,
        "lose_answer": 0.1,
        "refuse_create": 0.01,
        "decline_create": 0.02,
        "hold_status": 0.02,
        "delay_ms": 700,
        "delay_probability": 0.05,
        "error_after": 0.1,
        "late_request": 0.1,
        "late_request_ms": 1300,
        "lose_notification": 0.15,
        "duplicate_notification": 0.15,
        "reorder_notification": 0.3,
        "refund_pending": 0.2,
        "refund_delay": 2,
        "wrong_amount": 0.004,
        "late_capture": 10 * (epoch % 2),
    }
    return knobs | ({"ignore_key": 1} if ignores_key else {})


#: How often per 1,000 orders; one failover a run comes on top.
PER_THOUSAND = {
    "restart the database": 1,
    "flush the cache": 1,
    "freeze the cache": 1,
    "black hole": 1,
    "lose a commit's answer": 3,
}
