"""`manage.py states`: the three state machines as Markdown, drawn from the code that runs them."""

from collections.abc import Iterator

from django.core.management.base import BaseCommand
from django.db import models

from orders.models import Order
from payments.models import Payment, Refund
from payments.outcomes import COLUMNS, ROWS

HEAD = """# The state machines

Rendered from the code by `make states`; a test compares. Each arrow is a method of the model, and
no other code changes a state.
"""
TABLE_HEAD = """## What an outcome does

`record_outcome` locks the intent, looks up the payment's state and the gateway's word here, and
does this and nothing else, in one transaction.
"""


class Command(BaseCommand):
    """Print docs/payment-states.md."""

    help = "Print the state machines of order, payment and refund as Markdown."
    requires_system_checks = []

    def handle(self, **_: object) -> None:
        """Print the whole page."""
        self.stdout.write(page(), ending="")


def page() -> str:
    """What docs/payment-states.md must contain."""
    machines = "\n".join(machine(model) for model in (Order, Payment, Refund))
    return f"{HEAD}\n{machines}\n{TABLE_HEAD}\n{outcome_table()}"


def machine(model: type[models.Model]) -> str:
    """One machine as a diagram and a table of its arrows."""
    first = model._meta.get_field("state").value_from_object(model())  # type: ignore[union-attr]
    drawn = [f"    [*] --> {first}"]
    rows = ["| arrow | from | to | when |", "| --- | --- | --- | --- |"]
    for name, sources, target, reason in arrows(model):
        drawn += [f"    {source} --> {target}: {name}" for source in sources]
        rows.append(f"| `{name}` | {', '.join(sources)} | {target} | {reason} |")
    diagram = "\n".join(["```mermaid", "stateDiagram-v2", *drawn, "```"])
    return f"## {model.__name__}\n\n{diagram}\n\n" + "\n".join(rows) + "\n"


def arrows(model: type[models.Model]) -> Iterator[tuple[str, list[str], str, str]]:
    """Every transition in the order of the code: its name, sources, target and promise."""
    for name, method in vars(model).items():
        if not hasattr(method, "_django_fsm"):
            continue
        moves = list(method._django_fsm.transitions.values())
        reason = (method.__doc__ or "").strip().splitlines()[0]
        yield name, [str(move.source) for move in moves], str(moves[0].target), reason


def outcome_table() -> str:
    """The funnel's table: a row for each (state, role), a column for each kind of outcome."""
    head = ["state, role", *(str(kind) for kind in COLUMNS)]
    lines = [head, ["---"] * len(head)]
    for (state, role), moves in ROWS.items():
        lines.append([f"{state}, {role}", *(str(move) for move in moves)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
