"""docker-compose.yml's own commands on the hosts; only addresses differ from host to host."""

import secrets
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scripts import compose_processes
from scripts.hosts import plan
from scripts.hosts.network import Network
from shop.embedded.errors import EmbeddedError
from shop.embedded.process import Child, Program

READY_SECONDS = 60.0


class Processes:
    """The bank, the webs, the workers and the clocks."""

    def __init__(self, network: Network, base: Path, password: str) -> None:
        self._network, self._base = network, base
        self.staff_token = secrets.token_hex(20)
        told = compose_processes.made_up() | {
            "POSTGRES_PASSWORD": password,
            "SHOP_URL": f"http://{plan.SHOP_NAME}",
            # Each web host is told of what it began.
            "WEBHOOK_URL": "http://web:8000",
            "BANK_PUBLIC_URL": f"http://{plan.address('bank')}:8001",
            "ALLOWED_HOSTS": ",".join(["shop.test", *map(plan.address, plan.WEBS)]),
            "DATABASE_POOLER": "transaction",
            "STAFF_TOKEN": self.staff_token,
        }
        self._services: dict[str, Any] = compose_processes.compose(told)["services"]
        self._children: list[Child] = []

    def start(self, *, beats: Iterable[str]) -> None:
        """Prepare the database, start everything, return when all of it answers."""
        self._begin("bank", "bank")
        self.manage("worker1", "prepare", "--no-static", service="prepare")
        for host in plan.WEBS:
            self._begin("web", host)
        for host in plan.WORKERS:
            self._begin("worker", host)
        for host in beats:
            self._begin("beat", host)
        self._wait_for("bank", f"http://{plan.address('bank')}:8001/ledger")
        for host in plan.WEBS:
            self._wait_for(host, f"http://{plan.address(host)}:8000/readyz")
        for host in plan.WORKERS:
            self._wait_for(host, f"http://{plan.address(host)}:9101/metrics")

    def manage(self, host: str, *arguments: str, service: str = "worker", must: bool = True) -> str:
        """What a management command says on that host. Raises EmbeddedError when it must work."""
        machine = self._machine(host)
        argv = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            self._network.command(host, argv),
            cwd=compose_processes.ROOT, env=machine.environment(service),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if must and done.returncode != 0:
            raise EmbeddedError(f"{' '.join(arguments)} failed on {host}: {done.stderr[-2000:]}")
        return done.stdout

    def ended(self) -> list[str]:
        """Which of them ended by themselves."""
        return [child.program.name for child in self._children if not child.running]

    def stop(self) -> None:
        """The web first, the bank last; repeating does nothing."""
        for child in reversed(self._children):
            child.ask_to_stop()
        for child in reversed(self._children):
            child.stop()

    def _machine(self, host: str) -> compose_processes.Machine:
        where = plan.places(host, str(self._base))
        return compose_processes.Machine(self._services, where, self._base)

    def _begin(self, service: str, host: str) -> None:
        machine = self._machine(host)
        self._children.append(
            Child(
                Program(
                    name=f"{service} on {host}",
                    argv=self._network.command(host, machine.command(service)),
                    log=self._base / f"{host}-{service}.log",
                    env=machine.environment(service),
                    cwd=compose_processes.ROOT,
                    # Nobody waits for a task at the end of a run that is over.
                    stop_seconds=3.0,
                )
            )
        )

    def _wait_for(self, host: str, url: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self._network.inside("shoppers", lambda: compose_processes.ask(url))
                return
            except OSError as error:
                if self.ended() or time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"{host} does not answer at {url} ({error}); ended: {self.ended()}; "
                        f"logs in {self._base}"
                    ) from error
            time.sleep(0.2)
