"""What STYLE asks to be seen by eye, as far as a machine can see it.

Who may import whom is in pyproject.toml (`make contracts`); this is about what code may do.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("shop", "orders", "payments", "simulator", "chaos")
TOP_LEVEL = {
    *PACKAGES, "bench", "docs", "locale", "ops", "proof", "scripts", "static", "templates", "tests",
    "manage.py", "Makefile",
    "Dockerfile", "docker-compose.yml", "pyproject.toml", "requirements.txt",
    "requirements-dev.txt", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
    "LICENSE", ".ci", ".dockerignore", ".editorconfig", ".env.example", ".gitignore",
}  # fmt: skip
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
# The machines and what moves them: nothing else may decide a state.
STATEFUL = {"Order", "Payment", "Refund"}


@cache
def tracked() -> tuple[Path, ...]:
    """What a clone would contain, with what is about to be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(Path(line) for line in listed.stdout.splitlines() if (PROJECT / line).is_file())


def sources(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every module of these packages but migrations, parsed."""
    for path in tracked():
        if path.suffix == ".py" and path.parts[0] in packages and "migrations" not in path.parts:
            yield path, parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse((PROJECT / path).read_text())


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute, else its source."""
    return ast.unparse(node)


def test_a_stranger_can_say_what_each_top_level_entry_is_for():
    assert {path.parts[0] for path in tracked()} <= TOP_LEVEL


def test_every_file_reads_in_one_sitting():
    long = {
        str(path): lines
        for path, _ in sources(*PACKAGES)
        if (lines := len((PROJECT / path).read_text().splitlines())) > FILE_LINES_MAX
    }
    assert long == {}


def test_no_function_is_longer_than_a_screen():
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in sources(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_every_module_is_named_for_what_it_does():
    vague = {"utils", "helpers", "common", "misc", "selectors", "signals"}
    assert [path for path, _ in sources(*PACKAGES, "tests") if path.stem in vague] == []


def test_nothing_but_a_transition_decides_a_state():
    deciding = [
        f"{path}:{call.lineno}"
        for path, tree in sources("shop", "orders", "payments")
        for call in calls(tree)
        if any(keyword.arg == "state" for keyword in call.keywords)
        and dotted(call.func).rpartition(".")[2] in {"update", "create", "bulk_create", *STATEFUL}
    ]
    assert deciding == []


def test_no_state_is_assigned_by_hand():
    assigned = [
        f"{path}:{node.lineno}"
        for path, tree in sources("orders", "payments")
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Attribute) and t.attr == "state" for t in node.targets)
    ]
    assert assigned == []


def test_no_gateway_is_called_inside_a_transaction():
    inside = [
        f"{path}:{call.lineno}"
        for path, tree in sources("orders", "payments")
        for block in ast.walk(tree)
        if isinstance(block, ast.With)
        and any("atomic" in dotted(item.context_expr) for item in block.items)
        for statement in block.body
        for call in calls(statement)
        if re.match(r"(gateway|adapter)\.", dotted(call.func))
    ]
    assert inside == []


def test_payments_has_no_order_word_but_the_reference():
    # `order_by` and `ordering` are about sequence; `gateway_order_id` is the gateway's own word.
    allowed = re.compile(r"order_references?|order_by|ordering|OrderedDict|gateway_order_id")
    words = {
        f"{path}: {name}"
        for path, tree in sources("payments")
        for node in ast.walk(tree)
        for name in (
            getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "arg", "") or "",
            getattr(node, "name", "") or "",
        )
        if isinstance(name, str) and re.search(r"(?<![a-z])order", name, re.IGNORECASE)
        and not allowed.search(name)
    }  # fmt: skip
    assert words == set()


def test_no_signal_no_hidden_save_and_no_task_from_a_service():
    found = []
    for path, tree in sources("shop", "orders", "payments"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and "django" in (node.module or ""):
                names = {alias.name for alias in node.names}
                if names & {"receiver", "post_save", "pre_save", "post_delete", "pre_delete"}:
                    found.append(f"{path}:{node.lineno} signal")
            if isinstance(node, ast.FunctionDef) and node.name == "save" and "models" in str(path):
                found.append(f"{path}:{node.lineno} save")
        if path.stem == "services":
            found += [
                f"{path}:{call.lineno} {dotted(call.func)}"
                for call in calls(tree)
                if dotted(call.func).endswith((".delay", ".apply_async"))
            ]
    assert found == []


def test_requests_are_not_wrapped_in_a_transaction():
    assert not re.search(r"ATOMIC_REQUESTS\W+True", (PROJECT / "shop/settings.py").read_text())


def handlers_of_everything(tree: ast.Module) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = dotted(node.type) if node.type else "everything"
            if caught in {"Exception", "BaseException", "everything"}:
                yield node


def test_whoever_catches_everything_logs_it():
    silent = [
        f"{path}:{handler.lineno}"
        for path, tree in sources(*PACKAGES)
        for handler in handlers_of_everything(tree)
        if not re.search(r"log\w*\.exception\(|raise$", ast.unparse(handler), re.MULTILINE)
    ]
    assert silent == []


def test_every_constraint_that_keeps_a_thing_single_has_a_sentence_for_a_name():
    short = [
        f"{path}:{call.lineno}"
        for path, tree in sources("shop", "orders", "payments")
        for call in calls(tree)
        if dotted(call.func).endswith("UniqueConstraint")
        and not any(
            keyword.arg == "name" and len(dotted(keyword.value).split("_")) >= 3
            for keyword in call.keywords
        )
    ]
    assert short == []


def test_state_machines_are_protected_from_assignment():
    fields = [
        call
        for _, tree in sources("orders", "payments")
        for call in calls(tree)
        if dotted(call.func).rpartition(".")[2] == "FSMField"
    ]
    assert len(fields) == len(STATEFUL)
    for field in fields:
        assert "protected=True" in dotted(field)


def test_tests_replace_nothing_of_our_own_by_a_mock():
    mocks = [
        str(path)
        for path, tree in sources("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "unittest.mock" in ast.unparse(node)
    ]
    assert mocks == []


def test_no_test_is_skipped_or_expected_to_fail():
    marks = r"@?pytest\.(mark\.(skip|skipif|xfail)|skip\(|xfail\(|importorskip)"
    marked = [
        str(path)
        for path, _ in sources("tests")
        if re.search(marks, (PROJECT / path).read_text()) and path.name != Path(__file__).name
    ]
    assert marked == []


def test_every_fact_has_a_line_in_the_wiring():
    from shop.wiring import SUBSCRIBERS

    facts = {
        node.name
        for package in ("orders", "payments")
        for node in ast.walk(parsed(Path(package, "events.py")))
        if isinstance(node, ast.ClassDef)
        and any("dataclass" in dotted(decorator) for decorator in node.decorator_list)
    }
    assert facts == set(SUBSCRIBERS)


def test_every_gateway_has_the_methods_of_the_interface_in_its_order():
    interface = public_methods(Path("payments/gateways/base.py"), "Gateway")
    assert len(interface) >= 6
    for path in (PROJECT / "payments" / "gateways").glob("*.py"):
        for name in re.findall(r"^class (\w+Gateway)\b", path.read_text(), re.MULTILINE):
            assert public_methods(path.relative_to(PROJECT), name) == interface


def public_methods(path: Path, class_name: str) -> list[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            functions = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            return [f.name for f in functions if not f.name.startswith("_")]
    pytest.fail(f"{path} has no class {class_name}")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_hashed_and_hold_no_address_and_no_second_state_machine(name):
    text = (PROJECT / name).read_text()
    assert "--hash=sha256:" in text
    assert not re.search(r"^--|https?://", text, re.MULTILINE)
    # The package django-fsm would overwrite django-fsm-2's files without a word.
    assert not re.search(r"^django-fsm==", text, re.MULTILINE)
    assert re.search(r"^django-fsm-2==4\.", text, re.MULTILINE)


def test_no_todo_stays_behind():
    marks = re.compile(r"#.*\b(TODO|FIXME|XXX)\b")
    found = [
        str(path)
        for path, _ in sources(*PACKAGES, "tests")
        if marks.search((PROJECT / path).read_text()) and path.name != Path(__file__).name
    ]
    assert found == []
