"""A pytest plugin for one mutant's run: did its code import, and how did each test end?

Writes JSON to MUTANT_VERDICT. A test that fails by an error of another kind than an assertion
(a broken import, a missing fixture, a database error) proves nothing about the guard.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ENDS: dict[str, str] = {}
IMPORTED: dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
    report = yield
    if call.excinfo is not None:
        by_assertion = call.when == "call" and issubclass(
            call.excinfo.type, AssertionError | pytest.fail.Exception
        )
        kind = "assertion" if by_assertion else f"{call.when} {call.excinfo.typename}"
        ENDS.setdefault(item.nodeid, kind)
    elif call.when == "call":
        ENDS.setdefault(item.nodeid, "passed")
    return report


def pytest_collection_finish(session: pytest.Session) -> None:
    tree = os.environ["MUTANT_TREE"]
    for module in os.environ["MUTANT_MODULES"].split():
        try:
            where = str(importlib.import_module(module).__file__)
            IMPORTED[module] = "yes" if where.startswith(tree) else f"from {where}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the mutant is no mutant
            IMPORTED[module] = repr(error)


def pytest_sessionfinish() -> None:
    Path(os.environ["MUTANT_VERDICT"]).write_text(json.dumps({"ends": ENDS, "imported": IMPORTED}))
