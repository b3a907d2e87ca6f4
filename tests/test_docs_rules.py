"""docs/rules-and-tests.md names a guard and a living test for each of the sixteen rules."""

import ast
import re
from pathlib import Path

import pytest

from shop.failpoints import POINTS

PROJECT = Path(__file__).resolve().parent.parent
PAGE = (PROJECT / "docs" / "rules-and-tests.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_every_test_that_the_page_names_exists(file, test):
    assert test in names_in(PROJECT / file)


def test_every_rule_has_a_guard_and_a_test():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert {int(rule) for rule, _, _ in rows} == set(range(1, 17))
    assert [guard for _, guard, tests in rows if "::test_" not in tests] == []


def test_every_point_of_a_power_cut_is_told():
    assert set(re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)) == set(POINTS)
