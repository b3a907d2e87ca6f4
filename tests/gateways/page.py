"""`python -m tests.gateways.page`: docs/gateways/contract.md, from the tests themselves."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import django

from tests.gateways.rows import EXCLUDED, ROWS, SHOWN

GATEWAYS = ("stripe", "paypal", "alipay", "wechat", "unionpay", "razorpay")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "gateways" / "contract.md"
HEAD = """# What every gateway comes through

Rendered by `python -m tests.gateways.page` from the tests in `tests/gateways/`; a test compares.
A figure is how many tests show the row for this gateway, over HTTP against its simulator, with the
money counted in the simulator's ledger. A letter is a row that the protocol does not know; the
reason stands below.
"""


def load() -> None:
    """Import every test of the gateways: each says what it shows."""
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"tests.gateways.{file.stem}")


def missing() -> list[str]:
    """Cells without a test and without a reason."""
    told = SHOWN.keys() | EXCLUDED.keys()
    return [f"{name} {row}" for name in GATEWAYS for row in ROWS if (name, row) not in told]


def rendered() -> str:
    """The whole page."""
    reasons: list[str] = []

    def cell(name: str, row: str) -> str:
        if (name, row) in SHOWN:
            return str(len(SHOWN[name, row]))
        reasons.append(f"{name}: {EXCLUDED[name, row]}")
        return chr(ord("a") + len(reasons) - 1)

    lines = [f"| row | {' | '.join(GATEWAYS)} |", "| --- |" + " --- |" * len(GATEWAYS)]
    for row, words in ROWS.items():
        cells = " | ".join(cell(name, row) for name in GATEWAYS)
        lines.append(f"| {words} | {cells} |")
    notes = [f"- {chr(ord('a') + n)}: {reason}" for n, reason in enumerate(reasons)]
    return "\n".join([HEAD, *lines, "", *notes]) + "\n"


if __name__ == "__main__":
    django.setup()
    load()
    PAGE.write_text(rendered())
    sys.stdout.write(f"{PAGE}\n")
