"""Every mutant still fits the code and names living tests; the runner tells a dud from a kill."""

import re
from pathlib import Path

import pytest

from tests.environment import WORKER
from tests.mutants.patches import PROJECT, Mutant, every_mutant
from tests.mutants.scratch import Scratch, copy_of_the_code
from tests.test_docs_rules import names_in

MUTANTS = every_mutant()
PAGE = (PROJECT / "docs" / "rules-and-tests.md").read_text()
#: A test without a database, for mutants that are made up here.
QUICK = "tests/payments/test_outcomes.py::test_the_table_has_a_move_for_every_pair"
FIRST_ROW = (
    "    (State.CREATED, Role.LIVE):      "
    "[BOOK, DECLINE, CLOSE, CLOSE,  OPEN,  TAKE,  STAY, DOUBT],"
)
IMPORT, TABLE = (
    "from payments.gateways import base",
    "def decide(payment: Payment, outcome: Outcome) -> Move:",
)
#: What the runner must say of each change of payments/outcomes.py; of the last one nothing.
DUDS = {
    "SURVIVED": (IMPORT, f"{IMPORT}  # and no harm done"),
    "does not apply": ("NOTHING = 'like this stands there'", ""),
    "does not import": (IMPORT, "from payments.gateways import case"),
    "not by assertion": (TABLE, f"TABLE = 7\n{TABLE}"),
    "": (FIRST_ROW, ""),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_mutant_applies_compiles_and_names_living_tests(mutant):
    assert 1 <= mutant.rule <= 16
    for file, text in mutant.applied(PROJECT).items():
        compile(text, file, "exec")
    for killer in mutant.killers:
        told = re.fullmatch(r"(tests/[\w/]+\.py)::(\w+)(?:\[.+\])?", killer)
        assert told, killer
        file, name = told.groups()
        assert name in names_in(PROJECT / file)


def test_every_guard_of_the_proof_has_its_mutant():
    kinds = [mutant.name.split("-")[0] for mutant in MUTANTS]
    assert kinds.count("pay") >= 16
    assert kinds.count("refund") >= 7
    assert set(kinds) == {"pay", "refund"}


def test_the_page_names_every_mutant_and_no_other():
    named = re.findall(r"`((?:pay|refund)-[\w-]+)`", PAGE)
    assert sorted(named) == sorted(mutant.name for mutant in MUTANTS)


def made_up(folder: Path, before: str, after: str) -> Mutant:
    path = folder / "made-up.patch"
    diff = [f"-{line}" for line in before.split("\n")] + [f"+{line}" for line in after.split("\n")]
    head = ["Rule: 5", "Guard: none", f"Killed by: {QUICK}", "+++ b/payments/outcomes.py", "@@"]
    path.write_text("\n".join(head + diff) + "\n")
    return Mutant(path)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    # The Redis databases of this very test process: nobody else's are emptied.
    return Scratch(copy_of_the_code(tmp_path_factory.mktemp("scratch")), job=WORKER)


@pytest.mark.parametrize("words", DUDS, ids=lambda words: words or "killed")
def test_only_an_assertion_kills(words, scratch, tmp_path):
    trouble = scratch.trouble_with(made_up(tmp_path, *DUDS[words]))
    assert words in trouble
    assert bool(words) == bool(trouble)
