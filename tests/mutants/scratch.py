"""A scratch copy of the code with a database of its own, in which mutants live for one run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shop.embedded.process import dies_with_us
from tests.mutants.patches import PROJECT, DoesNotApply, Mutant

COPIED = [
    "orders", "payments", "shop", "simulator", "tests", "templates", "static", "locale",
    "manage.py", "pyproject.toml",
]  # fmt: skip
#: As tests.environment gives each process; that module is only for inside one.
REDIS_DATABASES = 3
#: One named test takes a second; a mutant that hangs is not killed.
SECONDS_MAX = 300


def copy_of_the_code(tree: Path) -> Path:
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.patch")
            shutil.copytree(source, tree / name, ignore=ignored)
        elif source.exists():
            shutil.copy(source, tree / name)
    return tree


@dataclass
class Scratch:
    """One copy; one mutant at a time."""

    tree: Path
    job: int

    def all_pass_unpatched(self, mutants: list[Mutant]) -> str:
        """Also makes the database; empty when every named test passes."""
        tests = sorted({test for mutant in mutants for test in mutant.killers})
        ends, output = self._run(tests, [], f"mutants_{self.job}", "--create-db")
        failed = {test: end for test, end in ends.items() if end != "passed"}
        if failed or not ends:
            return f"without any mutant: {failed or output}"
        return ""

    def trouble_with(self, mutant: Mutant) -> str:
        """Why it counts as alive; empty when a named test failed by assertion."""
        try:
            changed = mutant.applied(self.tree)
        except DoesNotApply as why:
            return f"the patch does not apply: {why}"
        originals = {file: (self.tree / file).read_text() for file in changed}
        self._write(changed)
        try:
            return self._verdict(mutant)
        finally:
            self._write(originals)

    def _verdict(self, mutant: Mutant) -> str:
        own = mutant.needs_its_own_database
        database = f"mutants_{self.job}" + f"_{mutant.name.replace('-', '_')}" * own
        way = "--create-db" if own else "--reuse-db"
        ends, output = self._run(mutant.killers, mutant.modules, database, way)
        if output:
            return output
        if "assertion" in ends.values():
            return ""
        others = {test: end for test, end in ends.items() if end != "passed"}
        return f"fails, but not by assertion: {others}" if others else "SURVIVED"

    def _run(
        self, tests: list[str], modules: list[str], database: str, way: str
    ) -> tuple[dict[str, str], str]:
        """How each test ended; and the words of a run that says nothing about the guard."""
        verdict = self.tree / "verdict.json"
        verdict.unlink(missing_ok=True)
        env = self._environment(database) | {
            "MUTANT_TREE": str(self.tree),
            "MUTANT_MODULES": " ".join(modules),
            "MUTANT_VERDICT": str(verdict),
            # Half of a short run would be the loading of plugins that it has no use for.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "pytest_django.plugin",
        ]
        command += ["-p", "tests.mutants.verdict", way, *tests]
        try:
            done = subprocess.run(
                command,
                cwd=self.tree,
                env=env,
                capture_output=True,
                check=False,
                text=True,
                timeout=SECONDS_MAX,
                preexec_fn=dies_with_us(signal.SIGKILL),
            )
        except subprocess.TimeoutExpired:
            return {}, f"did not end within {SECONDS_MAX} s"
        if not verdict.exists():
            return (
                {},
                f"does not import, or pytest did not run: {(done.stdout + done.stderr)[-2000:]}",
            )
        told = json.loads(verdict.read_text())
        if broken := {m: how for m, how in told["imported"].items() if how != "yes"}:
            return {}, f"does not import: {broken}"
        if not told["ends"]:
            return {}, f"no named test ran: {done.stdout[-2000:]}"
        return told["ends"], ""

    def _environment(self, database: str) -> dict[str, str]:
        redis = os.environ["REDIS_URL"].split("?")[0]
        server = urlsplit(os.environ["DATABASE_URL"])
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        return kept | {
            "DATABASE_URL": server._replace(path=f"/{database}").geturl(),
            "REDIS_URL": f"{redis}?db={self.job * REDIS_DATABASES}",
        }

    def _write(self, texts: dict[str, str]) -> None:
        for file, text in texts.items():
            path = self.tree / file
            path.write_text(text)
            # A cached module of the same second and size would be taken for this one.
            for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
                cached.unlink()
