"""docs/security.md names a living test for each attack, or says that there is no such door."""

import ast
import re
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PAGE = (PROJECT / "docs" / "security.md").read_text()
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::((?:\w+::)?\w+)`")
NO_DOOR = "No such door: "


@cache
def collected(file: str) -> frozenset[str]:
    """What pytest finds in a file: functions, and methods of classes, by their names."""
    path = PROJECT / file
    if not (path.name.startswith("test_") and path.is_file()):
        return frozenset()
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found |= {f"{node.name}::{name}" for name in named_tests(node.body)}
    return frozenset(found | named_tests(ast.parse(path.read_text()).body))


def named_tests(body: list[ast.stmt]) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {n.name for n in body if isinstance(n, functions) and n.name.startswith("test_")}


def test_every_test_that_the_page_names_is_there():
    named = NAMED.findall(PAGE)
    assert len(named) > 100
    assert [f"{file}::{test}" for file, test in named if test not in collected(file)] == []
    # Nothing else in the page looks like a test, so a slip of the pen is not overlooked.
    assert PAGE.count("::test_") == len(named)


def test_every_attack_has_a_test_or_no_door():
    rows = ROW.findall(PAGE)
    assert [int(number) for number, *_ in rows] == list(range(1, len(rows) + 1))
    # As many lines begin like a row as were read as one.
    assert len(rows) == len(re.findall(r"^\| \d", PAGE, re.MULTILINE)) >= 60
    bare = [number for number, _, answer, tests in rows if not NAMED.search(tests)]
    assert [n for n in bare if NO_DOOR not in rows[int(n) - 1][2]] == []
