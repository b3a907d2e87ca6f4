"""One measurement of each of the three, and what is kept of it."""

from __future__ import annotations

import json
import os
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.serving import Running
from shop.embedded.binaries import find_postgres

CONNECTIONS = 8
SCRIPTS = Path(__file__).resolve().parent / "limit"


class Failed(Exception):
    """A measurement that measured something else; says what."""


@dataclass(frozen=True)
class Sample:
    """One round of one operation: how many a second, and how long one took."""

    per_second: float
    p50: float  # milliseconds
    p99: float
    core: float = 0.0  # milliseconds of the web process's own processor time

    @classmethod
    def of(cls, seconds: float, milliseconds: Sequence[float], core: float = 0.0) -> Sample:
        ordered = sorted(milliseconds)
        p99 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
        return cls(len(ordered) / seconds, statistics.median(ordered), p99, core)


def median(samples: Sequence[Sample]) -> Sample:
    """The middle of each figure over the rounds."""
    return Sample(
        *(
            statistics.median(getattr(sample, name) for sample in samples)
            for name in ("per_second", "p50", "p99", "core")
        )
    )


def http(web: Running, requests: Sequence[bytes], expected: str) -> Sample:
    """All requests over `CONNECTIONS` connections; any other status than the expected fails."""
    job = pickle.dumps((web.port, min(CONNECTIONS, len(requests)), list(requests)))
    before = web.core_seconds()
    ended = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=job, capture_output=True, check=False
    )
    if ended.returncode:
        raise Failed(ended.stderr.decode()[-500:])
    told = json.loads(ended.stdout)
    if set(told["statuses"]) != {expected}:
        raise Failed(f"answers were {told['statuses']}, expected {expected} only")
    core = (web.core_seconds() - before) * 1000 / len(requests)
    return Sample.of(told["seconds"], told["milliseconds"], core)


def pgbench(database_url: str, script: str, first: int, count: int) -> Sample:
    """The script once for each row from `first` on; statements are prepared."""
    each = count // CONNECTIONS
    with tempfile.TemporaryDirectory(prefix="pgbench-") as folder:
        argv = [_program(), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2"]
        argv += ["-t", str(each), "-D", f"first={first}", "-D", f"each={each}", "-D", "step=0"]
        argv += ["-l", "--log-prefix", f"{folder}/log", "-f", str(SCRIPTS / f"{script}.sql")]
        ended = subprocess.run(
            [*argv, database_url],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        told = re.search(r"tps = ([\d.]+)", ended.stdout)
        if ended.returncode or told is None:
            raise Failed(ended.stderr[-500:])
        took = [
            int(line.split()[2]) / 1000
            for log in Path(folder).iterdir()
            for line in log.read_text().splitlines()
        ]
    if len(took) != each * CONNECTIONS:
        raise Failed(f"{len(took)} of {each * CONNECTIONS} transactions: {ended.stderr[-300:]}")
    return Sample.of(len(took) / float(told[1]), took)


def _program() -> str:
    """The pgbench beside the embedded server, else the system's."""
    beside = find_postgres(None).program.with_name("pgbench")
    return str(beside) if beside.exists() else "pgbench"
