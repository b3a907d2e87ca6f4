"""The judge: what the bank's ledger and the shop's public answers say, and nothing else."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

#: Orders that hold their goods for good.
SOLD = {"paid", "refunded"}
FINAL_PAYMENTS = {"captured", "surplus", "declined", "closed"}
ZEROS = ("double", "lost", "over-refunded", "orphan", "stuck", "oversold")


@dataclass
class Verdict:
    """The six numbers that must be zero, each with what it was found at."""

    found: dict[str, list[str]] = field(default_factory=lambda: {zero: [] for zero in ZEROS})
    #: Where to look for the story of what was found: order numbers.
    orders: set[str] = field(default_factory=set)
    #: Orders that a failover erased with their payment: their money is on a person's desk.
    on_the_desk: list[str] = field(default_factory=list)

    def add(self, zero: str, what: str, order: str = "") -> None:
        """Note one finding."""
        self.found[zero].append(what)
        if order:
            self.orders.add(order)

    @property
    def counts(self) -> dict[str, int]:
        """The six numbers."""
        return {zero: len(found) for zero, found in self.found.items()}

    @property
    def is_clean(self) -> bool:
        """Nothing was found."""
        return not any(self.found.values())


@dataclass
class Money:
    """What the ledger says about one payment's reference, in minor units."""

    charged: int = 0
    refunded: int = 0

    @property
    def net(self) -> int:
        return self.charged - self.refunded


def by_reference(movements: list[dict[str, Any]]) -> dict[str, Money]:
    """The ledger, summed up."""
    money: dict[str, Money] = defaultdict(Money)
    for movement in movements:
        mine = money[movement["reference"]]
        if movement["kind"] == "charge":
            mine.charged += movement["amount_minor"]
        else:
            mine.refunded += movement["amount_minor"]
    return dict(money)


def judge(
    visits: list[dict[str, Any]],
    shown: dict[str, dict[str, Any] | None],
    movements: list[dict[str, Any]],
    stock: dict[str, tuple[int, int]],
    desk: Collection[str] = (),
) -> Verdict:
    """`shown` is each order as its page shows it now; `stock` is (before, free now) by sku.

    `desk` names the references whose money waits for a person.
    """
    verdict, money = Verdict(), by_reference(movements)
    known: set[str] = set()
    for visit in visits:
        if not visit["public_id"]:
            continue
        order = shown[visit["public_id"]]
        references = set(visit["references"])
        if order is not None:
            on_its_page = {payment["reference"] for payment in order["payments"]}
            _judge_order(verdict, order, references | on_its_page, money, visit)
            known |= on_its_page
            continue
        known |= references
        if held := {ref for ref in references if ref in money and money[ref].net}:
            if held <= set(desk):
                verdict.on_the_desk.append(visit["number"])
            else:
                verdict.add("lost", f"{visit['number']} is gone, its money is not", visit["number"])
    for reference in money.keys() - known:
        verdict.add("orphan", f"{reference} is on no order's page")
    _judge_stock(verdict, visits, shown, stock)
    return verdict


def _judge_order(
    verdict: Verdict,
    order: dict[str, Any],
    references: set[str],
    money: dict[str, Money],
    visit: dict[str, Any],
) -> None:
    number, total = order["number"], order["total_minor"]
    mine = {reference: money.get(reference, Money()) for reference in references}
    net = sum(one.net for one in mine.values())
    back = sum(p["refunded_minor"] for p in order["payments"] if p["settles"])
    if net > total or sum(one.net > 0 for one in mine.values()) > 1:
        verdict.add("double", f"{number} holds {net} of {total}", number)
    is_paid = order["state"] in SOLD
    should_hold = total - back if is_paid else 0
    if net != should_hold and net <= total:
        verdict.add("lost", f"{number} is {order['state']}, holds {net}: {should_hold}", number)
    went_back = sum(mine[p["reference"]].refunded for p in order["payments"] if p["settles"])
    asked_back = visit["wanted_back"]
    # Under one reference there may be a second capture, and its own way back is no refund.
    too_much = is_paid and went_back > asked_back and net < total - asked_back
    if too_much or any(one.net < 0 for one in mine.values()):
        verdict.add("over-refunded", f"{number}: {went_back} back, staff sent {asked_back}", number)
    waiting = [p["state"] for p in order["payments"] if p["state"] not in FINAL_PAYMENTS]
    if order["state"] == "paying" or waiting:
        verdict.add("stuck", f"{number} is {order['state']} with {waiting}", number)


def _judge_stock(
    verdict: Verdict,
    visits: list[dict[str, Any]],
    shown: dict[str, dict[str, Any] | None],
    stock: dict[str, tuple[int, int]],
) -> None:
    sold: dict[str, int] = defaultdict(int)
    for visit in visits:
        order = shown.get(visit["public_id"])
        if order is not None and order["state"] in SOLD:
            for sku, quantity in visit["lines"]:
                sold[sku] += quantity
    for sku, (before, free) in stock.items():
        if free < 0 or sold[sku] + free > before:
            verdict.add("oversold", f"{sku}: {before} before, {sold[sku]} sold, {free} free")
