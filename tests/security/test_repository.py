"""What is in the repository is for everybody: no key of anybody lies in it."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.test_architecture import PROJECT, tracked

#: The beginnings of keys that are known by them, and private keys in their armour.
KEYS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]"
    rb"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bsk_live_[0-9a-zA-Z]{20,}"
    rb"|\bxox[baprs]-[0-9A-Za-z-]{10,}|\bAIza[0-9A-Za-z_-]{35}\b|\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\."
)
#: `NAME=value` of what is secret, where a deployment would read it.
TOLD = re.compile(rb"^[ \t#-]*\w*(?:SECRET|PASSWORD|API_KEY|TOKEN)\w*[ \t]*[=:][ \t]*(\S+)", re.M)
#: Placeholders, and the development machine's own secrets, which no real shop starts with.
HARMLESS = re.compile(rb"^[\"']?(\$|<|sandbox-|insecure-|change-me|\{|\"\"|''|#|\d+$)|^[\"']+$")


def test_no_key_lies_in_the_repository():
    found = [str(path) for path in tracked() if KEYS.search((PROJECT / path).read_bytes())]
    assert found == []


@pytest.mark.parametrize(
    "text", [b"-----BEGIN EC PRIVATE KEY-----\nMHcCAQ", b"AKIA" + b"A" * 16, b"ghp_" + b"a" * 36]
)
def test_a_key_would_be_found(text):
    assert KEYS.search(b"key = '" + text + b"'")


@pytest.mark.parametrize("name", [".env.example", "docker-compose.yml", "Dockerfile"])
def test_what_a_deployment_reads_names_no_secret(name):
    told = TOLD.findall((PROJECT / name).read_bytes())
    assert [value for value in told if not HARMLESS.search(value)] == []


def test_what_a_person_fills_in_is_not_committed():
    assert {path.name for path in tracked()} & {
        ".env",
        "id_rsa",
        "id_ed25519",
        "secrets.yml",
    } == set()


def test_nothing_in_the_repository_is_a_link():
    """A link that is checked out replaces what stood there, and may lead out of the clone."""
    listed = subprocess.run(
        ["git", "ls-files", "--stage"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    links = [line for line in listed.stdout.splitlines() if line.startswith("120000")]
    assert links == []
