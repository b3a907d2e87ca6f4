"""The parts of `make demo`: ports, secrets, and the supervisor of its services."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shop.demo import ports, running, secrets, supervisor
from shop.embedded import EmbeddedError
from shop.embedded.process import Child, Program
from tests.shop.processes import PROJECT, wait_until


def script(folder: Path, code: str, name: str = "service") -> Program:
    return Program(
        name=name,
        argv=[sys.executable, "-u", "-c", code],
        log=folder / f"{name}.log",
        env={"PATH": os.defpath},
        cwd=folder,
        stop_seconds=1.0,
    )


def test_taken_port_is_named_with_a_way_out():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedError, match=rf"Port {port} is taken.*SHOP_PORT={port + 10} "):
            ports.check_free("SHOP_PORT", port)
    ports.check_free("SHOP_PORT", port)


@pytest.mark.parametrize("text", ["", "0", "65536", "eighty", "-1", "80.0"])
def test_nonsense_for_a_port_is_refused(text):
    with pytest.raises(EmbeddedError, match="BANK_PORT must be a port number"):
        ports.read("BANK_PORT", text)


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path):
    first = secrets.load(tmp_path)
    assert secrets.load(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len(set(first.values())) == len(first) - 1  # one webhook secret under two names
    (tmp_path / "other").mkdir()
    assert secrets.load(tmp_path / "other") != first


def test_service_that_ends_by_itself_is_started_again_and_said_so(tmp_path):
    said: list[str] = []

    def note(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            raise supervisor.StopAsked

    watching = supervisor.Supervisor(note)
    watching.add(script(tmp_path, "print('again'); raise SystemExit(3)", "worker"))
    with pytest.raises(supervisor.StopAsked):
        watching.watch([])
    watching.stop()
    assert said == ["worker ended unexpectedly (code 3); starting it again"] * 2
    assert (tmp_path / "worker.log").read_text() == "again\n" * 2


def test_service_that_keeps_ending_is_given_up_with_its_last_words(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.01)
    watching = supervisor.Supervisor(lambda _: None)
    watching.add(script(tmp_path, "raise SystemExit('no money left')", "bank"))
    with pytest.raises(
        EmbeddedError, match=r"(?s)bank ended with code 1.*no money left.*giving up"
    ):
        watching.watch([])
    watching.stop()


def test_services_stop_one_after_the_other_and_the_stubborn_one_is_killed(tmp_path):
    ready = "open('{0}', 'w').close(); import signal, time; "
    polite = "signal.signal(15, lambda *_: (print(time.time()), exit(0))); time.sleep(60)"
    stubborn = (
        "signal.signal(15, lambda *_: print(time.time())); [time.sleep(1) for _ in range(60)]"
    )
    watching = supervisor.Supervisor(lambda _: None)
    for name, code in (("web", stubborn), ("beat", polite)):
        watching.add(script(tmp_path, f"{ready.format(name)}{code}", name))
    assert wait_until(lambda: (tmp_path / "web").exists() and (tmp_path / "beat").exists())
    time.sleep(0.2)
    watching.stop()
    asked = [float((tmp_path / f"{name}.log").read_text()) for name in ("web", "beat")]
    assert 0.9 < asked[1] - asked[0] < 5


def test_children_of_a_service_do_not_outlive_it(tmp_path):
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid); sys.stdin.read()"
    child = Child(script(tmp_path, code))
    assert wait_until(lambda: (tmp_path / "service.log").read_text().strip().isdigit())
    grandchild = Path("/proc", (tmp_path / "service.log").read_text().strip(), "cmdline")
    child.stop()
    assert wait_until(lambda: not grandchild.exists() or grandchild.read_bytes() == b"")


def test_second_signal_does_not_interrupt_the_stopping():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    try:
        supervisor.Signals()
        with pytest.raises(supervisor.StopAsked):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in zip(
            (signal.SIGINT, signal.SIGTERM, signal.SIGHUP), before, strict=True
        ):
            signal.signal(number, handler)


def test_launcher_needs_only_the_standard_library(tmp_path):
    code = "import sys, shop.demo, shop.embedded; print([m for m in sys.modules if 'django' in m])"
    child = Child(
        Program(
            name="bare",
            argv=[sys.executable, "-S", "-c", code],
            log=tmp_path / "bare.log",
            env={"PATH": os.defpath},
            cwd=PROJECT,
        )
    )
    assert child.process.wait(20) == 0, child.last_words()
    assert child.last_words() == "[]\n"


@pytest.fixture
def told_nothing(monkeypatch):
    for name in running.TOLD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOP_URL", "http://before")


def test_a_command_beside_the_demo_works_on_it_and_says_so(tmp_path, told_nothing, capsys):
    (tmp_path / "demo").mkdir()
    told = {"SHOP_URL": "http://127.0.0.1:8000", "SECRET_KEY": "the demo's"}
    with running.noted(tmp_path / "demo", told):
        mode = stat.S_IMODE((tmp_path / "demo" / running.NAME).stat().st_mode)
        assert running.join(tmp_path)
    assert mode == 0o600
    assert os.environ["SECRET_KEY"] == "the demo's"
    assert capsys.readouterr() == ("", "On the demo at http://127.0.0.1:8000/\n")
    assert not (tmp_path / "demo" / running.NAME).exists()


@pytest.mark.parametrize("name", running.TOLD)
def test_who_names_a_shop_does_not_get_the_demo(tmp_path, told_nothing, monkeypatch, name):
    (tmp_path / "demo").mkdir()
    monkeypatch.setenv(name, "1")
    with running.noted(tmp_path / "demo", {"SHOP_URL": "http://demo"}):
        assert not running.join(tmp_path)
    assert os.environ["SHOP_URL"] == "http://before"


def test_a_demo_that_was_killed_is_not_joined(tmp_path, told_nothing):
    (tmp_path / "demo").mkdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    note = {"process": gone.pid, "environment": {"SHOP_URL": "http://demo"}}
    (tmp_path / "demo" / running.NAME).write_text(json.dumps(note))
    assert not running.join(tmp_path)
    assert not running.join(tmp_path / "nothing here")
    assert os.environ["SHOP_URL"] == "http://before"
