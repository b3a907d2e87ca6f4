"""`python -m scripts.sdk_check [NAME…]`: let a gateway's own client judge the simulated gateway.

Each client lives in an environment of its own under .data/sdk (two of them own the same import
name), made from tests/gateways/sdk/<name>.txt, hashes and all, or by npm from the folder
tests/gateways/sdk/<name>. Then tests/gateways/sdk/<name>.py (or .mjs) runs there against a bank
that this command starts. A simulator that the client refuses is wrong.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.bank import Bank

ROOT = Path(__file__).resolve().parent.parent
CHECKS = ROOT / "tests" / "gateways" / "sdk"
ENVIRONMENTS = ROOT / ".data" / "sdk"


def main() -> int:
    """0 when every client named was content."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(checks()))
    names = parser.parse_args().names or checks()
    if strangers := set(names) - set(checks()):
        parser.error(f"there is no check {', '.join(sorted(strangers))}")
    failed = [name for name in names if not is_content(name)]
    return 1 if failed else 0


def checks() -> list[str]:
    """What can be checked here: the npm ones where npm is."""
    scripts = {path.stem for path in CHECKS.glob("*.txt")}
    if shutil.which("npm"):
        scripts |= {path.stem for path in CHECKS.glob("*.mjs")}
    return sorted(scripts)


def is_content(name: str) -> bool:
    """Run one client's script: it is told the bank's address and where its keys lie."""
    command = node(name) if (CHECKS / f"{name}.mjs").exists() else python(name)
    with Bank() as bank:
        keys = str(bank.keys(name.partition("-")[0]))
        told = {"BANK_URL": bank.url, "BANK_KEYS": keys, "PROJECT_PYTHON": sys.executable}
        run = subprocess.run(
            [*command, bank.url, keys], cwd=ROOT, env=os.environ | told, check=False
        )
    sys.stdout.write(f"{name}: {'REFUSED' if run.returncode else 'accepted'}\n")
    return run.returncode == 0


def python(name: str) -> list[str]:
    """The script, run by an environment with exactly what the requirements file names."""
    wanted, place = CHECKS / f"{name}.txt", ENVIRONMENTS / name
    made = place / "made-from.txt"
    interpreter = place / "bin" / "python"
    if not made.exists() or made.read_bytes() != wanted.read_bytes():
        venv.create(place, clear=True, with_pip=True)
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if "--hash" in wanted.read_text():
            subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(wanted)], check=True)
        shutil.copy(wanted, made)
    # -P: a script called alipay.py must not stand in front of the package alipay.
    return [str(interpreter), "-P", str(CHECKS / f"{name}.py")]


def node(name: str) -> list[str]:
    """The script, run beside exactly the packages that the lock file names."""
    place = ENVIRONMENTS / name
    wanted = CHECKS / name / "package-lock.json"
    made = place / "made-from.json"
    if not made.exists() or made.read_bytes() != wanted.read_bytes():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(CHECKS / name, place)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(["npm", "ci", *quiet], cwd=place, check=True)
        shutil.copy(wanted, made)
    return ["node", str(shutil.copy(CHECKS / f"{name}.mjs", place / "run.mjs"))]


if __name__ == "__main__":
    sys.exit(main())
