"""Whom the servers run as, and where their files lie, for root and for an ordinary user."""

import multiprocessing
import os
import pwd
import shutil
import stat
from pathlib import Path

import pytest

from shop import embedded
from shop.embedded import EmbeddedError, binaries, place
from tests.shop.processes import processes_of
from tests.shop.wheels import copy_wheels_to

NOBODY = pwd.getpwnam("nobody")
# An ordinary user cannot become root, so under one there is nothing to try but itself.
AS_ROOT = [True] if os.geteuid() == 0 else []


def start_and_stop(base: Path, answers: "multiprocessing.Queue[str]", wheels: Path | None) -> None:
    """In a forked process: become nobody if wheels are given, start, say who owns the data."""
    if wheels:
        os.setgroups([])
        os.setgid(NOBODY.pw_gid)
        os.setuid(NOBODY.pw_uid)
        # This process is forked and ends here: nobody else sees the change.
        binaries.wheel_folder = lambda package: wheels / package
    try:
        running = embedded.start(base)
        answers.put(f"owner {(base / 'shop' / 'pg').stat().st_uid} uid {os.geteuid()}")
        running.stop()
    except EmbeddedError as error:
        answers.put(f"refused: {error}")


def in_a_fork(base: Path, wheels: Path | None = None) -> str:
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=start_and_stop, args=(base, answers, wheels))
    process.start()
    answer: str = answers.get(timeout=30)
    process.join(30)
    return answer


@pytest.mark.parametrize("root", AS_ROOT)
def test_ordinary_user_runs_the_servers_as_themselves(home, root):
    wheels = home.parent / "site-packages"
    copy_wheels_to(wheels)
    os.chown(home.parent, NOBODY.pw_uid, NOBODY.pw_gid)
    assert in_a_fork(home, wheels) == f"owner {NOBODY.pw_uid} uid {NOBODY.pw_uid}"
    # Root takes the folder over as it is, and the user may come back to it.
    assert in_a_fork(home) == f"owner {NOBODY.pw_uid} uid 0"
    assert processes_of(home) == []


@pytest.mark.parametrize("root", AS_ROOT)
def test_root_in_a_private_folder_keeps_the_folder_private(home, root):
    private = home.parent / "private"
    private.mkdir(mode=0o700)
    base = private / ".data"
    assert in_a_fork(base) == f"owner {NOBODY.pw_uid} uid 0"
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert base.is_symlink()
    assert base.resolve().parent == place.STATE_HOME
    assert in_a_fork(base).startswith("owner")
    shutil.rmtree(base.resolve())


@pytest.mark.parametrize("root", AS_ROOT)
def test_data_that_became_unreachable_move_to_where_the_servers_can_read_them(home, root):
    assert in_a_fork(home).startswith("owner")
    assert not home.is_symlink()
    home.parent.chmod(0o700)
    made = (home / "shop" / "pg" / "global" / "pg_control").stat().st_ino
    assert in_a_fork(home).startswith("owner")
    assert home.is_symlink()
    assert (home / "shop" / "pg" / "global" / "pg_control").stat().st_ino == made


@pytest.mark.parametrize("root", AS_ROOT)
def test_programs_out_of_reach_are_run_from_a_readable_copy(home, root, monkeypatch):
    hidden = home.parent / "hidden"
    hidden.mkdir(mode=0o700)
    copy_wheels_to(hidden)
    monkeypatch.setattr(binaries, "wheel_folder", lambda package: hidden / package)
    running = embedded.start(home)
    lines = processes_of(home)
    running.stop()
    assert any("/var/cache/payonce/postgres-" in line for line in lines)
    assert not any(str(hidden) in line for line in lines)


@pytest.mark.parametrize("root", AS_ROOT)
def test_folder_of_somebody_else_is_refused_in_plain_words(home, root):
    home.mkdir(mode=0o700)
    assert "belongs to somebody else" in in_a_fork(home, home.parent)


def test_socket_folder_of_somebody_else_is_never_used(home, monkeypatch):
    base = place.settle(home)
    account = place.account_for(base / "shop" / "pg")
    mine = place.runtime_folder(base, account)
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700
    shutil.rmtree(mine)
    mine.symlink_to(home.parent)
    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        place.runtime_folder(base, account)
    mine.unlink()
