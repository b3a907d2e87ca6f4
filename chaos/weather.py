"""What breaks, done to the house at its time. Nothing here waits longer than it must."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import httpx

from chaos import plan
from chaos.databases import fall_behind, promote
from chaos.house import House

HOLE_SECONDS = 5.0
FREEZE_SECONDS = 3.0
#: How long an asynchronous replica hears of nothing before its primary is gone.
BEHIND_SECONDS = 2.0
#: The bank's temper changes this often: money from the bank page is late in every second one.
EPOCH_SECONDS = 4.0
#: Who is killed, drawn alike; the clock rarely, as only one of them may tick.
VICTIMS = ("web-1", "web-2", "worker-1", "worker-2", "web-1", "web-2", "beat")


@dataclass
class Weather:
    """The storm over one house, on its plan; `happened` says what came down, and when."""

    house: House
    seed: int
    events: list[plan.Event]
    kills: bool = True
    faulty_bank: bool = True
    ignores_key: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    happened: list[tuple[float, str]] = field(default_factory=list)
    #: SIGKILLs of processes that record payments, by the clock of the ledger.
    killed_at: list[float] = field(default_factory=list)
    failover_seconds: float | None = None

    def __post_init__(self) -> None:
        self._dice = Random(f"{self.seed}:kills")  # noqa: S311 - a drill's dice
        self._next_kill = time.monotonic() + plan.KILL_SECONDS
        self._next_epoch = 0.0
        self._epoch = 0
        self._struck_before: Counter[str] = Counter()
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._bank = httpx.Client(
            base_url=f"http://127.0.0.1:{self.house.bank_port}", trust_env=False, timeout=10
        )

    def blow(self, orders_done: int) -> None:
        """Do whatever is due; called several times a second."""
        now = time.monotonic()
        for due, act in [item for item in self._later if item[0] <= now]:
            self._later.remove((due, act))
            act()
        if self.faulty_bank and now >= self._next_epoch:
            self._next_epoch = now + EPOCH_SECONDS
            self._epoch += 1
            self._set(plan.faults(self.seed, self._epoch, ignores_key=self.ignores_key))
        if self.kills and now >= self._next_kill:
            self._next_kill = now + plan.KILL_SECONDS
            self._kill()
        while self.events and self.events[0].after_orders <= orders_done:
            self._begin(self.events.pop(0).kind)
        self._hear_wire()

    def clear_up(self) -> None:
        """No more faults: the bank is honest, nothing is frozen, nothing is killed."""
        self._set({})
        for _, act in self._later:
            act()
        self._later.clear()
        self._hear_wire()

    def struck(self) -> dict[str, int]:
        """How often each knob of the bank has struck, by the bank's own count."""
        return dict(self._struck_before + self._struck_now())

    def _set(self, knobs: dict[str, float]) -> None:
        # The bank counts anew with each setting.
        self._struck_before += self._struck_now()
        self._bank.put("/faults", json=knobs).raise_for_status()

    def _struck_now(self) -> Counter[str]:
        return Counter(self._bank.get("/faults/struck").raise_for_status().json())

    # --- what breaks -------------------------------------------------------------------------

    def _kill(self) -> None:
        victim = self._dice.choice(VICTIMS)
        if self.house.kill(victim):
            if victim != "beat":
                self.killed_at.append(time.time())
            self.counts["kills"] += 1

    def _begin(self, kind: str) -> None:
        self.happened.append((time.time(), kind))
        self.counts[kind] += 1
        match kind:
            case "restart the database":
                self.house.primary.stop()
                self.house.primary.start()
            case "flush the cache":
                self._tell_cache(b"FLUSHALL\r\n")
            case "freeze the cache":
                os.kill(self.house.cache.process.pid, signal.SIGSTOP)
                self._in(FREEZE_SECONDS, self._thaw)
            case "black hole":
                self.house.wire.tell(do="hole", seconds=HOLE_SECONDS)
            case "lose a commit's answer":
                self.house.wire.tell(do="lose_commit")
            case "failover":
                self._fail_over()

    def _fail_over(self) -> None:
        house, replica = self.house, self.house.replica
        if replica is None:
            raise RuntimeError("Nobody follows that could take over.")
        if house.failover == "async":
            fall_behind(house.primary)
            time.sleep(BEHIND_SECONDS)
        began = time.monotonic()
        house.wire.tell(do="target", path="")
        house.primary.kill()
        house.wire.tell(do="cut")
        promote(replica)
        house.primary, house.replica = replica, None
        house.wire.tell(do="target", path=replica.socket)
        self.failover_seconds = round(time.monotonic() - began, 2)

    def _thaw(self) -> None:
        os.kill(self.house.cache.process.pid, signal.SIGCONT)

    def _in(self, seconds: float, act: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, act))

    def _tell_cache(self, words: bytes) -> None:
        import socket

        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(FREEZE_SECONDS + 2)
            line.connect(str(self.house.cache_socket))
            line.sendall(words)
            line.recv(64)

    def _hear_wire(self) -> None:
        for line in self.house.wire.heard():
            if line.get("lost") == "commit":
                self.counts["commit answers lost"] += 1
                self.happened.append((time.time(), "a commit's answer was lost"))
