"""The bank's side: what it does with a request, and what a shopper can do there.

One step of the bank is atomic. It honours its key and remembers what it did; its answer may
be lost, and so may its notifications. A final word of the bank is final.
"""

from collections.abc import Iterator
from typing import NamedTuple

from payments.outcomes import Kind
from tests.model.rules import Rules
from tests.model.world import KIND_OF_BANK, OWED, Attempt, Method, Taking, World

Steps = Iterator[tuple[str, World, bool]]


class Bank(NamedTuple):
    """How this scenario's bank behaves."""

    methods: tuple[Method, ...]
    amounts: tuple[int, ...] = (OWED,)  # what a shopper's phone may pay
    keyless: bool = False  # it forgets its keys: a repeated create can be paid as well
    refuses: bool = False  # it may decline a create for good
    turns_away: bool = False  # it may refuse one request, and do another that is on its way
    breaks_word: bool = False  # what it called closed or declined can be paid after all


def kind_of(attempt: Attempt) -> str:
    """The bank's word about an attempt; "absent" when no request can be on its way."""
    if attempt.bank:
        return KIND_OF_BANK[attempt.bank]
    under_way = attempt.wire or attempt.sender in ("committed", "waiting")
    return Kind.NOT_FOUND if under_way else Kind.ABSENT


def steps(world: World, bank: Bank, rules: Rules) -> Steps:
    for i, attempt in enumerate(world.attempts):
        name = bank.methods[i].name
        if attempt.wire:
            lost = world.with_attempt(i, wire=attempt.wire - 1)
            yield f"the create of {name} gets lost on its way", lost, True
            yield from _create(lost, i, bank, rules)
        if attempt.capture_wire:
            lost = world.with_attempt(i, capture_wire=attempt.capture_wire - 1)
            yield f"the capture of {name} gets lost on its way", lost, True
            yield from _capture(lost, i, bank)
        if attempt.bank == "agreed":
            lapsed = world.with_attempt(i, bank="closed")
            yield f"what the shopper agreed to with {name} lapses", lapsed, True
        if attempt.bank == "open":
            yield from _pay(world, i, bank)
            yield f"{name} runs out at the bank", world.with_attempt(i, bank="closed"), True
            if bank.refuses:
                said_no = world.with_attempt(i, bank="declined")
                yield f"the bank declines {name} for good", said_no, False
        elif attempt.bank in ("closed", "declined") and bank.breaks_word:
            opened = world.with_attempt(i, bank="open")
            yield f"the bank opens {name} again, against its word", opened, False
            yield from _pay(world, i, bank)
        elif attempt.bank == "paid" and _second_object(attempt, bank, rules):
            twice = (*attempt.takings, Taking(OWED))
            yield (
                f"the shopper pays the second {name} as well",
                world.with_attempt(i, takings=twice),
                False,
            )


def _second_object(attempt: Attempt, bank: Bank, rules: Rules) -> bool:
    """A repeated create was taken for a new one, and is still payable."""
    repeated = attempt.send_count > 1 and not attempt.wire
    return repeated and len(attempt.takings) < 2 and (bank.keyless or not rules.on("own-key"))


def _pay(world: World, i: int, bank: Bank) -> Steps:
    if bank.methods[i].waits:
        agreed = world.with_attempt(i, bank="agreed")
        yield f"the shopper agrees to pay {bank.methods[i].name}", agreed, False
        return
    for amount in bank.amounts:
        paid = world.with_attempt(i, bank="paid", takings=(Taking(amount),))
        how = "" if amount == OWED else " with the wrong amount"
        yield f"the shopper pays {bank.methods[i].name}{how}", paid, False


def _create(world: World, i: int, bank: Bank, rules: Rules) -> Steps:
    attempt, method = world.attempts[i], bank.methods[i]
    if attempt.bank:
        yield from _answered(world, i, f"the bank repeats its answer about {method.name}")
    elif attempt.refusing:
        refused = f"the bank refuses {method.name}: it was closed before"
        yield from _answered(world, i, refused, Kind.CLOSED)
    else:
        opened = world.with_attempt(i, bank="open")
        yield from _answered(opened, i, f"the bank opens {method.name}")
        if method.charges:
            charged = world.with_attempt(i, bank="paid", takings=(Taking(OWED),))
            yield from _answered(charged, i, f"the bank charges {method.name} at once")
        if bank.refuses:
            said_no = world.with_attempt(i, bank="declined")
            yield from _answered(said_no, i, f"the bank declines {method.name}")
        if bank.turns_away:
            final = attempt.send_count == 1 or not rules.on("first-refusal")
            turned_away = f"the bank turns this request for {method.name} away"
            yield from _answered(world, i, turned_away, Kind.DECLINED if final else Kind.UNKNOWN)


def _capture(world: World, i: int, bank: Bank) -> Steps:
    """What was agreed to is taken once, however often the capture arrives."""
    attempt, name = world.attempts[i], bank.methods[i].name
    if attempt.bank != "agreed":
        yield from _answered(world, i, f"the bank answers the capture of {name}: {attempt.bank}")
        return
    taken = world.with_attempt(i, bank="paid", takings=(Taking(OWED),))
    yield from _answered(taken, i, f"the bank captures {name}")
    if bank.refuses:
        # Its key is used up: a repeat that is still on its way gets the same no.
        again = world.with_attempt(i, bank="open", capture_wire=0)
        yield from _answered(
            again, i, f"the bank cannot capture {name}: the shopper must agree anew"
        )


def _answered(world: World, i: int, text: str, kind: str = "") -> Steps:
    """The answer reaches the process that waits, or is lost."""
    yield f"{text} (nobody hears it)", world, True
    attempt = world.attempts[i]
    if attempt.sender == "waiting":
        answer = kind or KIND_OF_BANK[attempt.bank]
        yield f"{text}", world.with_attempt(i, sender=answer), True


def close(world: World, i: int, bank: Bank, rules: Rules) -> tuple[World, str, str]:
    """(world, the close's answer, the kind of outcome) of a close that arrives."""
    attempt, method = world.attempts[i], bank.methods[i]
    if not attempt.bank:
        kind = kind_of(attempt)
        refusing = attempt.refusing or method.remembers
        return world.with_attempt(i, refusing=refusing), "not found", kind
    if method.waits and attempt.bank in ("open", "agreed"):
        if attempt.capture_wanted and rules.on("capture-in-doubt"):
            return world, "not closable", kind_of(attempt)
        return world, "closed", Kind.CLOSED  # nothing happens there: nobody captures it any more
    if attempt.bank == "open":
        if not method.closable:
            return world, "not closable", Kind.PENDING
        return world.with_attempt(i, bank="closed"), "closed", Kind.CLOSED
    answer = "already paid" if attempt.bank == "paid" else "closed"
    return world, answer, KIND_OF_BANK[attempt.bank]


def shown_backs(world: World, i: int) -> tuple[int, ...]:
    """The refunds that an answer about this attempt shows as done."""
    return tuple(
        r for r, refund in enumerate(world.refunds) if refund.attempt == i and refund.bank == "done"
    )
