"""The shop as real processes: started, killed, started again, and stopped without a trace."""

import contextlib
import json
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from chaos.burden import cpu_seconds
from chaos.databases import Server, replicate
from shop.embedded import EmbeddedError, place, postgres, valkey
from shop.embedded.lock import FolderLock
from shop.embedded.process import Child, Program, dies_with_us

PROJECT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
READY_SECONDS = 60.0
#: What is born in the nursery. Two of a kind: while one is away the other goes on.
BORN = ("web-1", "web-2", "worker-1", "worker-2", "beat")
STAFF_TOKENS = ("1" * 40, "2" * 40)
#: Short clocks, as far as the environment can say them; the rest is in chaos.settings.
CLOCKS = {
    "GATEWAY_CONNECT_SECONDS": "0.5",
    "GATEWAY_READ_SECONDS": "1",
    "PAYMENT_LEASE_SECONDS": "3",
    "POLL_AFTER_SECONDS": "1.5,1,1,1,1.5,2",
    "SWEEP_SECONDS": "0.5",
    "RELAY_SECONDS": "0.5",
    "EXPIRY_SECONDS": "0.5",
    "ORDERS_REFRESH_SECONDS": "1",
    "ORDER_REFRESH_AFTER_SECONDS": "3",
    "ORDER_LIFETIME_SECONDS": "6",
    # Letters are written and counted, not carried: the invoice beside each of them takes a fifth
    # of a second of a core to draw, which would be all that a drill measures.
    "POST_SECONDS": "86400",
    "SWITCH_SECONDS": "2",
    "WATCH_SECONDS": "5",
    "BANK_TIME_FACTOR": "0.2",
}


class Told:
    """A program that is told by JSON lines and tells by JSON lines."""

    def __init__(self, argv: list[str], env: Mapping[str, str], log: Path, **more: Any) -> None:
        """Start it; it dies with us."""
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *argv], cwd=PROJECT, env=dict(env), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
                preexec_fn=dies_with_us(signal.SIGKILL), **more,
            )  # fmt: skip
        self._log, self._name = log, argv[1]
        self._ears = selectors.DefaultSelector()
        self._ears.register(self._out, selectors.EVENT_READ)
        self._rest = b""

    @property
    def _in(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdin)

    @property
    def _out(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdout)

    def tell(self, **wish: Any) -> None:
        """One wish."""
        self._in.write(json.dumps(wish).encode() + b"\n")
        self._in.flush()

    def heard(self, seconds: float = 0) -> Iterator[dict[str, Any]]:
        """What it has told so far; waits at most so long for the first word."""
        while self._ears.select(seconds):
            data = os.read(self._out.fileno(), 65536)
            if not data:
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                yield json.loads(line)
            seconds = 0

    def wait_for(self, word: str) -> dict[str, Any]:
        """The first line with this word. Raises EmbeddedError when it ends before."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in self.heard(0.2):
                if word in line:
                    return line
        tail = self._log.read_text(errors="replace")[-1500:]
        raise EmbeddedError(f"{self._name} never said {word!r}.\n{tail}")

    def stop(self) -> None:
        """End it; repeating does nothing."""
        with contextlib.suppress(BrokenPipeError):
            self._in.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(3)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._ears.close()
        self._out.close()


class House:
    """Everything that runs, for one drill; `with House(folder) as house:`."""

    def __init__(self, folder: Path, *, failover: str, settings: Mapping[str, str]) -> None:
        """`failover` is sync, async or none: whether and how a replica follows."""
        self.folder = folder
        self.failover = failover
        self._closing = contextlib.ExitStack()
        self.pids: dict[str, int] = {}
        self.ended_by_itself: list[str] = []
        self._killed: set[int] = set()
        self.env = self._environment(settings)

    def __enter__(self) -> "House":
        with contextlib.ExitStack() as undo:
            self._closing = undo
            self._start()
            self._closing = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    # --- starting --------------------------------------------------------------------------

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        self.shop_port, self.bank_port, self.wire_port = free_ports(3)
        webhook = secrets.token_urlsafe(32)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        told = {
            "DJANGO_SETTINGS_MODULE": "chaos.settings",
            "PYTHONUNBUFFERED": "1",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "SANDBOX_API_KEY": secrets.token_urlsafe(32),
            "SANDBOX_SIGNING_SECRET": secrets.token_urlsafe(32),
            "SANDBOX_WEBHOOK_SECRET": webhook,
            "SANDBOX_WEBHOOK_SECRETS": webhook,
            "SHOP_PORT": str(self.shop_port),
            "BANK_PORT": str(self.bank_port),
            "SHOP_URL": f"http://{LOOPBACK}:{self.shop_port}",
            "DATABASE_URL": f"postgresql://{postgres.USER}@{LOOPBACK}:{self.wire_port}"
            f"/{postgres.DATABASE}?sslmode=disable&gssencmode=disable",
            "DATABASE_POOL_SIZE": "16",
            "ALLOW_EMBEDDED": "1",
            "EMAIL_URL": "dummymail://",
            "STATIC_ROOT": str(self.folder / "static"),
            "STAFF_TOKEN": STAFF_TOKENS[0],
            "REFUND_APPROVAL_LIMIT_MINOR": "1000000000",
            "REFUND_DAY_LIMIT_MINOR": "1000000000000",
            "SOCKETS_PER_ADDRESS": "1000",
            "LOG_LEVEL": "INFO",
        }  # fmt: skip
        return {**kept, **CLOCKS, **told, **settings}

    def _start(self) -> None:
        base = place.settle(self.folder)
        logs = base / "logs"
        logs.mkdir(exist_ok=True)
        self.folder, self.logs = base, logs
        lock = FolderLock.take(base)
        self._closing.callback(lock.release)
        self._start_servers(lock)
        self.wire = Told(["-m", "chaos.wire", str(self.wire_port)], self.env, logs / "wire.log")
        self._closing.callback(self.wire.stop)
        self.wire.wait_for("ready")
        self.wire.tell(do="target", path=self.primary.socket)
        self._start_bank()
        self._start_shop()

    def _start_servers(self, lock: FolderLock) -> None:
        self.primary = Server(self.folder / "primary", lock.servers_fd)
        self.primary.create()
        self.primary.start()
        self._closing.callback(self.primary.stop)
        self.replica: Server | None = None
        if self.failover != "none":
            self.replica = Server(self.folder / "replica", lock.servers_fd)
            replicate(self.primary, self.replica, synchronous=self.failover == "sync")
            # After a failover it is the primary, and stopping twice does nothing.
            self._closing.callback(self.replica.stop)
        account = self.primary.account
        run = place.runtime_folder(self.folder / "cache", account)
        cache = valkey.choose(account)
        self.cache = valkey.start(cache, self.folder / "vk", run, account, lock_fd=lock.servers_fd)
        self._closing.callback(self.cache.stop)
        self.cache_socket = run / valkey.SOCKET
        self.env["REDIS_URL"] = f"unix://{self.cache_socket}?db=0"

    def _start_bank(self) -> None:
        argv = [sys.executable, "-m", "simulator", "--data", str(self.folder / "bank")]
        log = self.logs / "bank.log"
        self.bank = Child(Program("bank", argv, log, self.env, PROJECT, stop_seconds=3.0))
        self._closing.callback(self.bank.stop)

    def _start_shop(self) -> None:
        staged = subprocess.run(
            [sys.executable, "manage.py", "chaos_stage", "--token", STAFF_TOKENS[1]],
            cwd=PROJECT, env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if staged.returncode != 0:
            raise EmbeddedError(f"The shop could not be staged.\n{staged.stderr[-2000:]}")
        listener = socket.create_server((LOOPBACK, self.shop_port), backlog=256)
        listener.set_inheritable(True)
        self._closing.callback(listener.close)
        argv = ["-m", "chaos.nursery", str(listener.fileno()), str(self.folder)]
        self.nursery = Told(
            argv, self.env, self.logs / "nursery.log", pass_fds=(listener.fileno(),)
        )
        self._closing.callback(self.nursery.stop)
        self.nursery.wait_for("ready")
        for name in BORN:
            self.start(name)
        self._wait_until_it_sells()

    def _wait_until_it_sells(self) -> None:
        from shop.demo.ports import answers

        deadline = time.monotonic() + READY_SECONDS
        for port, path in ((self.bank_port, "ledger"), (self.shop_port, "readyz")):
            while not answers(f"http://{LOOPBACK}:{port}/{path}"):
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"Nobody answers on port {port}; see {self.logs}.")
                time.sleep(0.1)

    # --- what can be done to it --------------------------------------------------------------

    def start(self, name: str) -> None:
        """Let the nursery bear this process."""
        self.nursery.tell(start=name)

    def look_after(self) -> None:
        """Hear of births and deaths; whoever died is born again."""
        for line in self.nursery.heard():
            if "started" in line:
                self.pids[line["started"]] = line["pid"]
            elif "ended" in line:
                name = line["ended"]
                pid = self.pids.pop(name, 0)
                if pid not in self._killed:
                    self.ended_by_itself.append(f"{name} ended with {line['code']}")
                self.start(name)

    def kill(self, name: str) -> bool:
        """SIGKILL one of the shop's processes; whether it was there."""
        pid = self.pids.get(name)
        if pid is None or pid in self._killed:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False  # it has ended by itself, and `look_after` will say so
        self._killed.add(pid)
        return True

    def burden(self) -> dict[str, float]:
        """Seconds of a core that each part has used so far."""
        parts = {
            "shop": self.nursery.process.pid,
            "database": self.primary.pid,
            "cache": self.cache.process.pid,
            "wire": self.wire.process.pid,
            "bank": self.bank.process.pid,
        }
        return cpu_seconds(parts | ({"replica": self.replica.pid} if self.replica else {}))

    def manage(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """One management command with the shop's own environment."""
        return subprocess.run(
            [sys.executable, "manage.py", *argv], cwd=PROJECT, env=self.env,
            capture_output=True, text=True, check=False,
        )  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody has."""
    probes = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
