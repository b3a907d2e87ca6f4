"""docs/runbook.md: every command in it can be typed where it is told to be."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, get_commands, load_command_class
from django.core.management.base import BaseCommand

PROJECT = Path(__file__).resolve().parents[2]
RUNBOOK = (PROJECT / "docs/runbook.md").read_text()
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
#: Words that stand for something of the reader's.
EXAMPLES = {"YYYY-MM-DD": "2026-01-31", "PASSWORD": "0123", "…": ""}
#: Code with a space in it that nobody types.
NO_COMMAND = {"0 violations"}
#: What else is typed, and where: on any machine, or in the folder of docker-compose.yml.
ELSEWHERE = {"curl": "outside", "python3": "any machine", "sed": "the folder", "make": "the folder"}
#: What the image of each service has, beside nothing.
HAS = {
    "web": {"python"},
    "postgres": {"psql", "pg_dump", "pg_restore", "createdb", "dropdb"},
}


def commands(text: str) -> list[str]:
    """Every piece of code that is typed, on one line each."""
    pieces = (" ".join(piece.split()) for piece in re.findall(r"`([^`]+)`", text))
    typed = ("manage.py ", "docker ", ".venv/bin/python ")
    told = {p for p in pieces if p.startswith(typed) or " " in p} - NO_COMMAND
    return sorted(told)


def words_of(command: str) -> list[str]:
    for stands_for, example in EXAMPLES.items():
        command = command.replace(stands_for, example)
    # The shell's own: a file to write or to read.
    return shlex.split(re.sub(r"\s[<>] \S+$", "", command))


def judge(command: str) -> str:
    """What is wrong with a command of the runbook; empty when nothing is."""
    program, *rest = words_of(command)
    if program == "manage.py":
        return judge_ours(rest)
    if program == ".venv/bin/python":
        return judge_python(rest)
    if program == "docker":
        return judge_compose(rest)
    return "" if program in ELSEWHERE else f"{program} is not said to be anywhere"


def judge_python(words: list[str]) -> str:
    return judge_ours(words[1:]) if words[:1] == ["manage.py"] else "not a command of ours"


def judge_ours(words: list[str]) -> str:
    """Whether manage.py has this command with these options."""
    if not words:
        return ""
    name, *options = words
    if name not in get_commands():
        return f"manage.py has no {name}"
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, BaseCommand)
    try:
        command.create_parser("manage.py", name).parse_args(options)
    except CommandError as error:
        return str(error)
    return ""


class Parser(argparse.ArgumentParser):
    """Says what is wrong instead of ending the process."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise ValueError(message)


def compose_parser() -> Parser:
    """`docker compose`, as far as the runbook speaks it."""
    parser = Parser(add_help=False)
    parser.add_argument("word", choices=["compose"])
    parser.add_argument("--profile", choices=["simulator", "watch"])
    verbs = parser.add_subparsers(dest="verb", required=True)
    listed = {verb: verbs.add_parser(verb) for verb in ("build", "logs", "ps", "restart", "up")}
    listed["logs"].add_argument("--tail", type=int)
    listed["up"].add_argument("-d", action="store_true", required=True)
    for verb in listed.values():
        verb.add_argument("services", nargs="*")
    execute, run = verbs.add_parser("exec"), verbs.add_parser("run")
    execute.add_argument("-T", action="store_true")
    run.add_argument("--rm", action="store_true", required=True)
    run.add_argument("--no-deps", action="store_true")
    run.add_argument("-e", action="append")
    for inside in (execute, run):
        inside.add_argument("service", choices=SERVICES)
        inside.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def judge_compose(words: list[str]) -> str:
    try:
        told = compose_parser().parse_args(words)
    except ValueError as error:
        return str(error)
    if strange := set(getattr(told, "services", [])) - set(SERVICES):
        return f"no such service: {strange}"
    return judge_inside(told.service, told.command) if told.verb in ("exec", "run") else ""


def judge_inside(service: str, words: list[str]) -> str:
    """Whether the container has the program, and the program the option."""
    if not words:
        return ""  # the service's own command
    program, *rest = words
    if program not in HAS.get(service, set()):
        return f"{service} has no {program}"
    if program == "python":
        return judge_python(rest)
    owner = SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    return "" if f"-U {owner}" in " ".join(rest) else f"{program} comes as nobody: -U {owner}"


@pytest.mark.parametrize("command", commands(RUNBOOK))
def test_a_command_of_the_runbook_can_be_typed(command):
    assert judge(command) == ""


@pytest.mark.parametrize(
    "command",
    [
        "manage.py adopt",
        "manage.py sweep --each 5",
        "manage.py doctor --only luck",
        "manage.py reconcile --date tomorrow",
        "psql -c 'SELECT 1'",
        "docker compose exec web pg_dump -U payonce payonce > shop.dump",
        "docker compose exec postgres pg_dump payonce > shop.dump",
        "docker compose exec web python manage.py adopt",
        "docker compose restart webs",
        "docker compose up web",
        "docker compose dance",
        'curls "https://shop.example"',
    ],
)
def test_a_command_that_cannot_be_typed_is_found(command):
    assert commands(f"Say `{command}` aloud.") == [command]
    assert judge(command) != ""


def test_a_new_secret_reaches_a_container_only_when_it_is_made_anew():
    """`docker compose restart` keeps the old environment."""
    rotation = RUNBOOK.partition("## Secret rotation")[2].partition("\n## ")[0]
    restarted = re.findall(r"docker compose restart ([\w ]+)", rotation)
    assert restarted == ["prometheus"]  # its secret is a file
    assert "docker compose up -d web worker beat" in rotation


def test_staff_are_told_to_reconcile_before_they_refund_after_a_failover():
    failover = RUNBOOK.partition("## Failover")[2].partition("\n## ")[0]
    assert "Reconcile before refunding" in failover
    assert failover.index("manage.py reconcile") < failover.index("Now staff may refund")
