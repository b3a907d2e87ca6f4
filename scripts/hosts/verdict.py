"""The judge: the bank's ledger against what the shop shows each shopper, and nothing else."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

#: What holds goods and money for good.
SOLD = {"paid", "refunded"}
FINAL_PAYMENTS = {"captured", "surplus", "declined", "closed"}
ZEROS = ("double", "lost", "stuck", "over-refunded", "orphan", "gave up")


@dataclass
class Verdict:
    """What must be zero, each with what was found."""

    found: dict[str, list[str]] = field(default_factory=lambda: {zero: [] for zero in ZEROS})

    @property
    def is_clean(self) -> bool:
        """Nothing was found."""
        return not any(self.found.values())

    def __str__(self) -> str:
        return ", ".join(f"{zero} {len(found)}" for zero, found in self.found.items())


def judge(
    orders: list[dict[str, Any]], refunds: dict[str, int], movements: list[dict[str, Any]]
) -> Verdict:
    """`orders` as their pages show them; `refunds` is what staff sent back, by order number."""
    verdict = Verdict()
    money = held(movements)
    for order in orders:
        for payment in order["payments"]:
            net = money.pop(payment["reference"], 0)
            payment["held_minor"] = net
            if net < 0:
                verdict.found["over-refunded"].append(f"{payment['reference']} holds {net}")
        _judge(verdict, order, refunds.get(order["number"], 0))
    for reference, net in money.items():
        verdict.found["orphan"].append(f"{reference} holds {net} for no order")
    return verdict


def held(movements: list[dict[str, Any]]) -> dict[str, int]:
    """What the bank's books hold for each payment: charges less refunds, in minor units."""
    money: dict[str, int] = defaultdict(int)
    for movement in movements:
        sign = 1 if movement["kind"] == "charge" else -1
        money[movement["reference"]] += sign * movement["amount_minor"]
    return dict(money)


def _judge(verdict: Verdict, order: dict[str, Any], sent_back: int) -> None:
    number, total = order["number"], order["total_minor"]
    holding = [p["held_minor"] for p in order["payments"] if p["held_minor"] > 0]
    net = sum(holding)
    should = total - sent_back if order["state"] in SOLD else 0
    if len(holding) > 1 or net > total:
        verdict.found["double"].append(f"{number} holds {holding} of {total}")
    elif net < should and order["state"] in SOLD and holding:
        verdict.found["over-refunded"].append(f"{number} holds {net} instead of {should}")
    elif net != should:
        verdict.found["lost"].append(f"{number} is {order['state']} and holds {net}: {should}")
    waiting = [p["state"] for p in order["payments"] if p["state"] not in FINAL_PAYMENTS]
    if order["state"] == "paying" or waiting:
        verdict.found["stuck"].append(f"{number} is {order['state']} with {waiting}")
