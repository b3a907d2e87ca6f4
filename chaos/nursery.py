"""Where the shop's processes are born: `python -m chaos.nursery FD FOLDER`.

Loading the shop takes two seconds of a core; a drill that kills a process every two seconds
would measure nothing else. So one process loads it once, opens no connection, and forks each
web server, worker and clock, as a pre-forking server does. Told by JSON lines on its standard
input: {"start": "web-1"}. It tells {"started": name, "pid": …} and {"ended": name, "code": …}.

FD is the listening socket that all web processes share: while one is away, the others accept.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from shop.embedded.process import dies_with_us

LOOK_SECONDS = 0.05
WORKER_THREADS = 6


def main(listener: socket.socket, folder: Path) -> None:
    """Load, then give birth until the standard input ends."""
    load()
    # What is shared with the children stays shared: the collector must not write to it.
    gc.freeze()
    say({"ready": os.getpid()})
    born: dict[int, str] = {}
    rest = b""
    with selectors.DefaultSelector() as ears:
        ears.register(sys.stdin, selectors.EVENT_READ)
        while True:
            if ears.select(LOOK_SECONDS):
                # Not `readline`: what it keeps in its buffer, nobody would be woken for.
                data = os.read(sys.stdin.fileno(), 65536)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    name = json.loads(line)["start"]
                    pid = give_birth(name, listener, folder)
                    born[pid] = name
                    say({"started": name, "pid": pid})
            bury(born)
    for pid in born:
        os.kill(pid, signal.SIGKILL)


def load() -> None:
    """Everything that the children share, and not one connection."""
    import shop.asgi
    import shop.celery

    shop.celery.app.loader.import_default_modules()


def give_birth(name: str, listener: socket.socket, folder: Path) -> int:
    """Fork one of the shop's processes; its output goes to its own log."""
    tie = dies_with_us(signal.SIGKILL)
    pid = os.fork()
    if pid:
        return pid
    try:
        if tie is not None:
            tie()
        os.setsid()
        log = os.open(folder / "logs" / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        live(name, listener, folder)
    finally:
        os._exit(1)


def live(name: str, listener: socket.socket, folder: Path) -> None:
    """Be one of the shop's processes until the end."""
    import uvicorn

    from shop.asgi import application
    from shop.celery import app as celery

    kind = name.partition("-")[0]
    if kind == "web":
        config = uvicorn.Config(
            application, lifespan="off", access_log=False, proxy_headers=False,
            server_header=False, log_level="warning", timeout_graceful_shutdown=4, backlog=256,
        )  # fmt: skip
        uvicorn.Server(config).run(sockets=[listener])
    elif kind == "worker":
        threads = ["--pool", "threads", "--concurrency", str(WORKER_THREADS)]
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
        celery.worker_main(["worker", "--hostname", f"{name}@chaos", *threads, *quiet])
    else:
        schedule = ["--schedule", str(folder / "beat-schedule"), "--pidfile", ""]
        celery.start(["beat", *schedule, "--loglevel", "WARNING"])


def bury(born: dict[int, str]) -> None:
    """Tell who has died."""
    while born:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        say({"ended": born.pop(pid, "?"), "code": os.waitstatus_to_exitcode(status)})


def say(what: dict[str, Any]) -> None:
    """Tell whoever started us."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
