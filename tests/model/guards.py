"""The guards of the protocol, by name: each can be taken out of the model alone."""

from typing import NamedTuple


class Guard(NamedTuple):
    """What it promises, and the scenarios in which its absence shows."""

    promise: str
    scenarios: tuple[str, ...]
    beside: str = ""  # another guard that holds alone: only without both something breaks


GUARDS: dict[str, Guard] = {
    # --- starting and switching
    "row-first": Guard(
        "the attempt is on disk before the bank is asked", ("one",)),
    "own-key": Guard(
        "a repeated create carries the stored key", ("one",)),
    "no-answer-is-no-no": Guard(
        "a lost answer leaves the attempt in doubt", ("one", "switch")),
    "first-refusal": Guard(
        "a refusal ends an attempt only as the answer to its first send", ("one",)),
    "same-method": Guard(
        "no new key by a method while its old attempt is not dead", ("same",)),
    "close-first": Guard(
        "what is left for another method is closed at the bank first", ("switch",)),
    "obey-close": Guard(
        "a close that was not answered leaves nothing behind at once", ("switch",)),
    # --- the funnel
    "horizon": Guard(
        "'not found' ends an attempt only when no request can be on its way", ("one",)),
    "compare-and-set": Guard(
        "a verdict is written only if nothing was sent since the question", ("one",)),
    "failure-is-a-hint": Guard(
        "a told failure ends nothing: the bank is asked", ("one",)),
    "verify": Guard(
        "a notification is a hint: the money is read from the bank", ("one",)),
    "poller": Guard(
        "every unfinished attempt is asked about from its row", ("one",)),
    "ask-the-superseded": Guard(
        "asking goes on after an attempt was replaced", ("left",)),
    "late-success": Guard(
        "a success counts in every state of the row", ("left",)),
    "no-demotion": Guard(
        "nothing demotes a success", ("one",)),
    # --- money that waits for our capture
    "capture-or-close": Guard(
        "what is being closed is not captured, and a capture that leaves ages older verdicts",
        ("consent",)),
    "capture-in-doubt": Guard(
        "a close is certain only where no capture was sent", ("consent",)),
    # --- booking
    "lock": Guard(
        "one transaction at a time decides about an intent", ("switch",), "index"),
    "index": Guard(
        "one row per intent is live or settling: the database refuses another",
        ("switch",), "lock"),
    "one-settles": Guard(
        "a capture beside a settled one does not settle", ("left",)),
    "retire-first": Guard(
        "the live attempt is retired before another settles", ("left",), "index"),
    "send-back": Guard(
        "every capture that does not settle gets a refund row", ("left",)),
    "same-transaction": Guard(
        "the refund row of a surplus is written with its capture", ("left",)),
    "amount": Guard(
        "only the right amount settles", ("amounts",)),
    "twin-row": Guard(
        "a second transaction under one reference is booked on its own row", ("twins",)),
    # --- refunds
    "refund-row-first": Guard(
        "the refund is on disk before the bank is asked", ("staff",)),
    "refund-own-key": Guard(
        "a repeated refund carries its stored key", ("staff",)),
    "refund-cap": Guard(
        "refunds done and pending stay below the capture", ("over",)),
    "refund-seen": Guard(
        "the figure that staff saw must still be true", ("staff",)),
    "refund-doubt": Guard(
        "a refund without an answer keeps counting", ("staff",)),
    "refund-final": Guard(
        "a refund fails only on the bank's final word", ("staff",)),
    "refund-sweep": Guard(
        "refunds are driven from their rows", ("staff",)),
    "refund-late-word": Guard(
        "a refund that was done may still fail", ("fails-late",)),
    "refund-overtaken": Guard(
        "a refund's 'done' from before its failure is not written over it", ("fails-late",)),
    "refund-news": Guard(
        "a notification about a refund is done with only when the bank has answered",
        ("fails-late",)),
    # --- orders
    "closed-intent": Guard(
        "a closed intent takes no new payment, nor does its order", ("cancel",)),
    "close-before-cancel": Guard(
        "an order is cancelled only when its intent is proven closed", ("cancel",)),
    "pursue-close": Guard(
        "a wish to close is on disk and pursued", ("cancel",)),
    "late-money": Guard(
        "money for a cancelled order takes the pieces again or goes back", ("late",)),
    "stock-retaken": Guard(
        "late money pays only when the pieces could be had again", ("late",)),
    "relay": Guard(
        "a fact that was not heard is told until it is", ("facts",)),
    "truth-not-fact": Guard(
        "orders follow what is true now, not what a late fact says", ("facts", "cancel")),
    "refund-told": Guard(
        "an order follows its money back", ("facts",)),
    # --- lost commits
    "adopt": Guard(
        "a capture whose row was lost is adopted", ("failover",)),
    "adopt-refund": Guard(
        "a refund that the bank shows and we lost is adopted", ("failover-refund",)),
    "net-capture": Guard(
        "a capture that already went back settles nothing", ("failover-refund",)),
}  # fmt: skip
