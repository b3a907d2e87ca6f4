"""Each rule fires on what it forbids and on nothing else, and our code keeps all of them."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.security.code_rules import RULES
from tests.test_architecture import PACKAGES, PROJECT, sources

#: What faces the world. The simulated bank is somebody else: its rules are its own.
GUARDED = ("shop", "orders", "payments")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_fires_on_what_it_forbids_and_only_there(name):
    rule = RULES[name]
    assert list(rule.find(ast.parse(rule.bad)))
    assert not list(rule.find(ast.parse(rule.good)))


@pytest.mark.parametrize("name", RULES)
def test_the_tree_is_clean(name):
    rule = RULES[name]
    broken = [
        f"{path}:{getattr(node, 'lineno', 0)} {ast.unparse(node)[:80]}"
        for path, tree in sources(*GUARDED)
        if str(path) not in rule.except_in
        for node in rule.find(tree)
    ]
    assert broken == [], rule.why


@pytest.mark.parametrize("name", RULES)
def test_every_exception_is_still_needed(name):
    rule = RULES[name]
    trees = {str(path): tree for path, tree in sources(*GUARDED)}
    assert [path for path in rule.except_in if not list(rule.find(trees[path]))] == []


def test_bandit_finds_nothing_of_medium_severity_or_above():
    """What it would find and may stay has its reason beside it, in the line's `noqa`."""
    command = [sys.executable, "-m", "bandit", "-q", "-r", "-ll", *PACKAGES, "scripts", "manage.py"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_bandit_would_find_what_is_bad(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("import subprocess\nsubprocess.run(input(), shell=True)\n")
    command = [sys.executable, "-m", "bandit", "-q", "-ll", str(bad)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "B602" in done.stdout) == (1, True)
