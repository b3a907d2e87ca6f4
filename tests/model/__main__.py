"""`python -m tests.model`: explore the protocol; with `--without GUARD`, see how it breaks.

Needs no database and no server.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("DEBUG", "1")
os.environ.setdefault("SECRET_KEY", "only-for-checks")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

import django

django.setup()

from tests.model.explorer import Exploration, explore  # noqa: E402
from tests.model.guards import GUARDS  # noqa: E402
from tests.model.rules import Rules  # noqa: E402
from tests.model.scene import Scene  # noqa: E402
from tests.model.scenes import LARGE, SCENES  # noqa: E402

#: A run says at least this often how far it has come.
PROGRESS_SECONDS = 10


def main() -> int:
    asked = _arguments()
    if asked.guards:
        for name, guard in GUARDS.items():
            _say(f"{name:20} {guard.promise}")
        return 0
    without = [name for names in asked.without for name in names.split(",")]
    try:
        rules = Rules(without)
    except ValueError as error:
        _say(f"{error}; `--guards` lists them")
        return 2
    scenes = LARGE if asked.large else SCENES
    names = asked.scenes or list(dict.fromkeys(s for g in without for s in GUARDS[g].scenarios))
    chosen = [scenes[name] for name in names or scenes]
    found = [_run(scene, rules) for scene in chosen]
    broken = [e for e in found if e.violation]
    if without:
        _say(
            ""
            if broken
            else "Nothing breaks: another guard holds alone, or the scenario is not its own."
        )
        return 0 if broken else 1
    _say(f"{sum(e.states for e in found):,} states, "
         f"{'no promise breaks' if not broken else 'A PROMISE BREAKS'}.")  # fmt: skip
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=", ".join(SCENES))
    parser.add_argument("--without", action="append", default=[], metavar="GUARD",
                        help="take a guard out (or several, with commas)")  # fmt: skip
    parser.add_argument("--guards", action="store_true", help="list the guards")
    parser.add_argument("--large", action="store_true", help="the nightly scenarios")
    asked = parser.parse_args()
    if unknown := set(asked.scenes) - set(SCENES):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return asked


def _run(scene: Scene, rules: Rules) -> Exploration:
    began = last = time.monotonic()

    def progress(seen: Exploration) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            _say(f"{scene.name}: {seen.states:,} states so far, {last - began:.0f} s")

    seen = explore(scene, rules, progress)
    took = time.monotonic() - began
    _say(f"{scene.name:16} {seen.states:9,} states {seen.steps:10,} steps {seen.rests:5} at rest "
         f"{took:6.1f} s  {seen.violation or 'holds'}")  # fmt: skip
    for number, text in enumerate(seen.trace, 1):
        _say(f"  {number:2}. {text}")
    return seen


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
