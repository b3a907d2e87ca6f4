"""`python -m shop.embedded run [--base DIR] [--name NAME] [--quick] -- COMMAND…`.

Runs any command with DATABASE_URL and REDIS_URL of the embedded servers, and ends as it ends.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from shop.embedded.errors import EmbeddedError
from shop.embedded.process import dies_with_us
from shop.embedded.servers import servers

#: What an interrupted command takes at most to clear up, before it is told again.
INTERRUPTED_SECONDS = 10.0


def main(argv: list[str]) -> int:
    """Run the command; returns its exit code, or 1 when the servers cannot start."""
    parser = argparse.ArgumentParser(prog="python -m shop.embedded", description=__doc__)
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("--base", type=Path, default=Path(".data"), help="the data folder")
    parser.add_argument("--name", default="shop", help="which data in it")
    parser.add_argument("--quick", action="store_true", help="do not survive a power cut")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(argv)
    # SIGTERM ends the command first and then, on the way out of the `with`, the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with servers(options.base, name=options.name, durable=not options.quick) as running:
            env = {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url}
            return _run(options.command, os.environ | env)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def _run(command: list[str], env: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=env, preexec_fn=dies_with_us(signal.SIGTERM))
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal sent it to the command as well; one that was only just being started may
        # have missed it, and is ended below.
        return _exit_code_soon(process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _exit_code_soon(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(INTERRUPTED_SECONDS)
    except subprocess.TimeoutExpired:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
