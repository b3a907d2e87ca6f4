"""What the documents promise is there: targets, paths, variables, tables, states."""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.urls import URLPattern, URLResolver, get_resolver

from payments.models.desk import ReviewKind
from shop.management.commands import states
from shop.wiring import SUBSCRIBERS
from tests.test_architecture import PACKAGES, parsed, public_methods, sources, tracked

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENTS = [path for path in tracked() if path.suffix == ".md"]
OURS = ("orders.", "payments.", "shop.")


def text(name: str | Path) -> str:
    return (PROJECT / name).read_text()


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_make_target_that_a_document_names_exists(document):
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text(document), re.MULTILINE))
    assert named <= make_targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_of_a_document_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text(document))
    broken = [link for link in links if not (PROJECT / document.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_path_that_a_document_names_exists(document):
    roots = "|".join([*PACKAGES, "docs", "tests", "templates", "static"])
    named = set(re.findall(rf"`((?:{roots})/[\w./-]*)", text(document)))
    assert [path for path in named if not (PROJECT / path).exists()] == []


def test_readme_shows_the_two_commands_and_ci_runs_the_second():
    readme = text("README.md")
    assert readme.index("make demo") < readme.index("make test") < len(readme) / 2
    assert "make test" in text(".ci/run")


def settings_variables() -> dict[str, str]:
    """Each variable that the settings read, with its default as written; empty if computed."""
    read = {}
    pages = sorted((PROJECT / "shop").glob("settings*.py"))
    for node in (n for page in pages for n in ast.walk(parsed(page.relative_to(PROJECT)))):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("env.")):
            continue
        name = node.args[0]
        if isinstance(name, ast.Constant) and str(name.value).isupper():
            defaults = [k.value for k in node.keywords if k.arg == "default"]
            fixed = defaults and isinstance(defaults[0], ast.Constant)
            read[str(name.value)] = str(ast.literal_eval(defaults[0])) if fixed else ""
    return read


def example_variables() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text(".env.example"), re.MULTILINE))


def test_every_variable_that_the_settings_read_is_explained_in_the_example():
    assert set(settings_variables()) - set(example_variables()) == set()


def test_every_number_in_the_example_is_the_default():
    example = example_variables()
    differing = {
        name: (default, example[name])
        for name, default in settings_variables().items()
        if re.fullmatch(r"[\d.]+", default) and example.get(name) != default
    }
    assert differing == {}


def compose_variables() -> set[str]:
    return set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text("docker-compose.yml")))


def test_every_variable_of_the_example_and_the_readme_is_read_by_somebody():
    code = "".join(text(path) for path, _ in sources("shop", "orders", "simulator"))
    named = set(example_variables()) | set(re.findall(r"^\| `([A-Z_]+)`", text("README.md"), re.M))
    assert {name for name in named - compose_variables() if f'"{name}"' not in code} == set()


def test_compose_file_runs_every_process_with_known_variables():
    compose = yaml.safe_load(text("docker-compose.yml"))
    ours = {"prepare", "web", "worker", "beat", "bank"}
    assert set(compose["services"]) == ours | {"postgres", "valkey", "prometheus", "grafana"}
    known = set(example_variables())
    assert compose_variables() - known == set()
    for name in ours:
        assert set(compose["services"][name]["environment"]) <= known


def test_each_decision_is_short_numbered_and_says_what_was_refused():
    decisions = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
    assert len(decisions) >= 8
    for number, path in enumerate(decisions, start=1):
        lines = path.read_text().splitlines()
        assert path.name.startswith(f"{number:04}-")
        assert lines[0].startswith(f"# {number}. ")
        assert len(lines) < 40
        assert "## Refused" in lines


def dependencies() -> set[str]:
    project = tomllib.loads(text("pyproject.toml"))
    direct = [
        *project["project"]["dependencies"],
        *(name for extra in project["project"]["optional-dependencies"].values() for name in extra),
        *project["dependency-groups"]["dev"],
    ]
    return {re.split(r"[\[<>=~]", name)[0].lower() for name in direct}


def test_every_dependency_has_its_reason():
    told = text("docs/architecture.md").lower()
    untold = {name for name in dependencies() if name not in told}
    assert {name for name in untold if not name.startswith("types-")} == set()


def test_every_dependency_is_locked():
    # `make requirements` compiles the files anew.
    locked = set(re.findall(r"^([\w.-]+)==", text("requirements-dev.txt"), re.MULTILINE))
    assert dependencies() - locked == set()


def test_the_state_machines_are_drawn_as_they_are():
    # `make states` draws them anew.
    assert text("docs/payment-states.md") == states.page()


def test_every_kind_of_review_case_has_its_entry_in_the_runbook():
    told = set(re.findall(r"^### (\w+)$", text("docs/runbook.md"), re.MULTILINE))
    assert told == set(ReviewKind.values)


def test_every_kind_of_review_case_is_opened_somewhere():
    opened = {
        ast.unparse(call.args[0]).removeprefix("ReviewKind.")
        for _, tree in sources("payments")
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("open_case")
    }
    assert opened == set(ReviewKind.names)


def test_every_figure_of_ours_is_in_the_runbook_and_none_is_made_up():
    told = set(re.findall(r"`(payonce_\w+)", text("docs/runbook.md")))
    kept = set(re.findall(r'"(payonce_\w+)"', text("shop/metrics.py") + text("shop/figures.py")))
    assert told == kept


def test_every_figure_has_one_line_in_the_runbook():
    lines = re.findall(r"^\| (`payonce_.*?) \|", text("docs/runbook.md"), re.MULTILINE)
    told = [figure for line in lines for figure in re.findall(r"payonce_\w+", line)]
    assert [figure for figure in told if told.count(figure) > 1] == []


def test_every_method_of_the_gateway_interface_is_told():
    told = re.findall(r"^\| `(\w+)` \|", text("docs/gateways.md"), re.MULTILINE)
    interface = public_methods(Path("payments/gateways/base.py"), "Gateway")
    assert told[: len(interface)] == interface


# --- docs/idempotency.md ----------------------------------------------------------------------


def rows() -> set[str]:
    """The first column of each table in docs/idempotency.md that names code."""
    return set(re.findall(r"^\| `([^`]+)` \|", text("docs/idempotency.md"), re.MULTILINE))


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry, prefix + str(entry.pattern))
        else:
            yield prefix + re.sub(r"<\w+:", "<", str(entry.pattern)), entry


def takes_post(view: object) -> bool:
    """Whether one of our views answers a POST with something else than 404 or 405."""
    view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if view_class is not None:
        return "post" in vars(view_class) and view_class.__name__ != "Nothing"
    function = inspect.unwrap(view)  # type: ignore[arg-type]
    tree = parsed(Path(inspect.getsourcefile(function) or "").relative_to(PROJECT))
    decorators = next(
        ast.unparse(ast.List(node.decorator_list))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__
    )
    return "require_POST" in decorators or "'POST'" in decorators


def writes() -> set[str]:
    return {
        f"POST {path}"
        for path, pattern in routes(get_resolver())
        if pattern.callback.__module__.startswith(OURS) and takes_post(pattern.callback)
    }


def tasks() -> set[str]:
    return {
        str(ast.literal_eval(keyword.value))
        for _, tree in sources("shop", "orders", "payments")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "shared_task"
        for keyword in node.keywords
        if keyword.arg == "name"
    }


def subscribers() -> set[str]:
    return {path for kinds in SUBSCRIBERS.values() for paths in kinds.values() for path in paths}


def commands() -> set[str]:
    return {
        f"manage.py {path.stem}"
        for path in tracked()
        if path.parts[1:3] == ("management", "commands") and path.stem != "__init__"
    }


@pytest.mark.parametrize("kind", [writes, tasks, subscribers, commands], ids=lambda k: k.__name__)
def test_whatever_can_come_twice_says_how_it_knows(kind):
    found = kind()
    assert len(found) >= 4
    assert found - rows() == set()


def test_no_row_tells_of_something_that_is_gone():
    assert rows() - writes() - tasks() - subscribers() - commands() == set()
