"""`python -m tests.mutants [--jobs N] [NAME…]`: take each guard out and see a test fail.

Each mutant is a patch beside this file. It is applied in a scratch copy of the code, its
named tests run there, and at least one must fail by assertion; before that, all of them
pass in the copy unpatched. A patch that does not apply, code that does not import and a
failure of another kind are no proof: they fail the run. Needs DATABASE_URL and REDIS_URL,
as `make mutants` gives them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from tests.mutants.patches import Mutant, every_mutant
from tests.mutants.scratch import Scratch, copy_of_the_code


def main(argv: list[str]) -> int:
    """Returns the exit code: 0 when every mutant was killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="how many run beside each other")
    parser.add_argument("names", nargs="*", help="only these; all when none is named")
    options = parser.parse_args(argv)
    mutants = [m for m in every_mutant() if not options.names or m.name in options.names]
    if unknown := set(options.names) - {m.name for m in mutants}:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        alive, troubles = run(mutants, Path(folder), jobs=min(options.jobs, len(mutants)))
    print("", *troubles, sep="\n")
    took = time.monotonic() - began
    print(f"{len(mutants) - alive} of {len(mutants)} mutants killed in {took:.0f} s")
    return 1 if troubles else 0


def run(mutants: list[Mutant], folder: Path, *, jobs: int) -> tuple[int, list[str]]:
    """How many were not killed, and what is wrong with each."""
    free: Queue[Scratch] = Queue()
    shares = [mutants[job::jobs] for job in range(jobs)]
    with ThreadPoolExecutor(jobs) as pool:
        scratches = [Scratch(copy_of_the_code(folder / str(job)), job) for job in range(jobs)]
        told = list(pool.map(Scratch.all_pass_unpatched, scratches, shares))
        if any(told):
            return len(mutants), [trouble for trouble in told if trouble]
        for scratch in scratches:
            free.put(scratch)
        # The slow ones first: they make databases of their own.
        order = sorted(mutants, key=lambda m: not m.needs_its_own_database)
        troubles = [trouble for trouble in pool.map(lambda m: one(m, free), order) if trouble]
    return len(troubles), troubles


def one(mutant: Mutant, free: Queue[Scratch]) -> str:
    scratch = free.get()
    try:
        trouble = scratch.trouble_with(mutant)
    finally:
        free.put(scratch)
    print("x" if trouble else ".", end="", flush=True)
    return trouble and f"{mutant.name} (rule {mutant.rule}, {mutant.guard}): {trouble}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
