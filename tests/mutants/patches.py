"""A mutant is a small unified diff with a head: the rule, the guard that it takes out, the test.

    Rule: 4
    Guard: A verdict counts only if nothing was sent since the question
    Killed by: tests/payments/test_outcomes.py::test_a_verdict_…
    --- a/payments/outcomes.py
    +++ b/payments/outcomes.py
    @@ …

A hunk is found by its text, not by its line number, and must be found exactly once: a change
around it moves it along, a change of it fails the run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent


class DoesNotApply(Exception):
    """The code that this mutant changes is not there any more: write the patch anew."""


@dataclass(frozen=True)
class Mutant:
    """One guard taken out, and the tests that must then fail."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def rule(self) -> int:
        return int(self._said("Rule")[0])

    @property
    def guard(self) -> str:
        return self._said("Guard")[0]

    @property
    def killers(self) -> list[str]:
        return self._said("Killed by")

    @cached_property
    def hunks(self) -> dict[str, list[tuple[str, str]]]:
        """File -> what is replaced by what."""
        found: dict[str, list[tuple[str, str]]] = {}
        file = ""
        for line in self.text.splitlines(keepends=True):
            if line.startswith("+++ b/"):
                file = line[6:].strip()
            elif line.startswith("@@"):
                found.setdefault(file, []).append(("", ""))
            elif file and found.get(file) and line[0] in " -+" and not line.startswith("--- "):
                before, after = found[file][-1]
                kept = line[0]
                found[file][-1] = (
                    before + line[1:] * (kept in " -"),
                    after + line[1:] * (kept in " +"),
                )
        return found

    @property
    def needs_its_own_database(self) -> bool:
        return any("/migrations/" in file for file in self.hunks)

    @property
    def modules(self) -> list[str]:
        return [file.removesuffix(".py").replace("/", ".") for file in self.hunks]

    def applied(self, tree: Path) -> dict[str, str]:
        """File -> its mutated text. Raises DoesNotApply."""
        if not self.hunks or not self.killers:
            raise DoesNotApply(f"{self.name} has no hunk or names no test")
        changed = {}
        for file, hunks in self.hunks.items():
            source = tree / file
            text = source.read_text() if source.exists() else ""
            for before, after in hunks:
                if before == after or text.count(before) != 1:
                    raise DoesNotApply(f"{self.name}: {file} has changed where it would change it")
                text = text.replace(before, after)
            changed[file] = text
        return changed

    def _said(self, word: str) -> list[str]:
        return re.findall(rf"^{word}: (.+)$", self.text, re.MULTILINE)


def every_mutant() -> list[Mutant]:
    return [Mutant(path) for path in sorted(HERE.glob("*.patch"))]
