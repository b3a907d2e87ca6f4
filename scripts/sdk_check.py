"""Let a gateway's own SDK talk to the simulator: a simulator that the SDK refuses is wrong.

    python scripts/sdk_check.py razorpay [unionpay …]

Each SDK lives in an environment of its own, .data/sdk/<name>, installed from the hashed list
tests/gateways/sdk/<name>.txt; tests/gateways/sdk/<name>.py is what it does. The simulator is a
process of its own with an empty ledger, told by BANK_URL and BANK_KEYS.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = ROOT / "tests" / "gateways" / "sdk"
STARTS_WITHIN_SECONDS = 30.0


def environment(name: str) -> Path:
    """The interpreter of this SDK's environment, made or renewed when its list has changed."""
    place, listed = ROOT / ".data" / "sdk" / name, CHECKS / f"{name}.txt"
    stamp = place / "installed.txt"
    if not stamp.exists() or stamp.read_bytes() != listed.read_bytes():
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-qq", "--no-input",
               "--disable-pip-version-check", "--require-hashes", "-r", str(listed)]  # fmt: skip
        if "--hash" in listed.read_text():
            subprocess.run(pip, check=True)
        stamp.write_bytes(listed.read_bytes())
    return place / "bin" / "python"


@contextmanager
def simulator(name: str) -> Iterator[dict[str, str]]:
    """A simulator with an empty ledger; where it is and where this gateway's keys are."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secrets = dict.fromkeys(
        ("SANDBOX_API_KEY", "SANDBOX_SIGNING_SECRET", "SANDBOX_WEBHOOK_SECRET"), "not-asked-here"
    )
    with tempfile.TemporaryDirectory(prefix="sdk-") as data:
        command = [sys.executable, "-m", "simulator", "--port", str(port), "--data", data]
        command += ["--time-factor", "0.05", "--allow-reset"]
        bank = subprocess.Popen(command, cwd=ROOT, env=os.environ | secrets)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/faults", bank)
            yield {"BANK_URL": url, "BANK_KEYS": str(Path(data) / "keys" / name)}
        finally:
            bank.terminate()
            bank.wait(timeout=10)


def _wait_for(url: str, bank: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and bank.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own loopback  # nosec B310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit("the simulator did not start")


def main(names: list[str]) -> int:
    """The number of SDKs that refused."""
    refused = 0
    for name in names:
        python = environment(name)
        with simulator(name) as told:
            check = CHECKS / f"{name}.py"
            # -P: a check that is named like its SDK must not import itself.
            run = [str(python), "-P", str(check)]
            done = subprocess.run(run, env=os.environ | told, cwd=ROOT, check=False)
        sys.stdout.write(f"{name}: {'REFUSED' if done.returncode else 'accepted'}\n")
        refused += bool(done.returncode)
    return refused


if __name__ == "__main__":
    names = sys.argv[1:] or sorted(path.stem for path in CHECKS.glob("*.txt"))
    sys.exit(main(names))
