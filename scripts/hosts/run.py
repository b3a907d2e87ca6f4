"""One run: build, sell, cut, rejoin, lose the primary, come to rest, judge."""

import argparse
import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scripts import compose_processes
from scripts.hosts import plan, verdict
from scripts.hosts.network import Network
from scripts.hosts.processes import Processes
from scripts.hosts.servers import Bouncer, Postgres, Valkey, made_up_password
from scripts.hosts.shoppers import Market
from shop.embedded.errors import EmbeddedError

Say = Callable[[str], None]
#: The web and the worker that are cut off; the worker's host has the first clock.
CUT = ("web1", "worker1")
STANDSTILL_SECONDS = 180.0
REST_SECONDS = 120.0
#: What the audit may say while the last refund is still on its way.
UNDER_WAY = {"I13"}
SAYS_EVERY_SECONDS = 5.0


class Hosts:
    """Everything that runs."""

    def __init__(self, folder: Path, beats: int, closing: contextlib.ExitStack) -> None:
        self.password = made_up_password()
        self.network = closing.enter_context(Network())
        self.primary = self._placed(closing, Postgres(self.network, "pg1", folder))
        self.replica = self._placed(closing, Postgres(self.network, "pg2", folder))
        self.bouncer = self._placed(closing, Bouncer(self.network, "bouncer", folder))
        self.valkey = self._placed(closing, Valkey(self.network, "valkey", folder))
        self.processes = Processes(self.network, folder, self.password)
        self._closing, self._beats = closing, plan.WORKERS[:beats]

    @staticmethod
    def _placed(closing: contextlib.ExitStack, server: Any) -> Any:
        closing.callback(server.stop)
        return server

    def start(self, say: Say) -> None:
        """Build the database with its replica, then everything above it."""
        say("Building PostgreSQL on two hosts, the second one synchronous")
        self.primary.create(self.password)
        self.primary.start()
        self.replica.follow(self.primary, self.password)
        say("Starting PgBouncer, Valkey, the bank, two webs, two workers")
        self.bouncer.start("pg1", self.password)
        self.valkey.start()
        self._closing.callback(self.processes.stop)
        self.processes.start(beats=self._beats)

    def ask_bank(self, path: str) -> Any:
        """The bank's public answer, seen from the shoppers' host."""
        url = f"http://{plan.address('bank')}:8001{path}"
        return self.network.inside("shoppers", lambda: compose_processes.ask(url))


def run(folder: Path, wanted: argparse.Namespace, say: Say) -> dict[str, Any]:
    """The whole run; what it found. Raises EmbeddedError when it could not be carried out."""
    with contextlib.ExitStack() as closing:
        hosts = Hosts(folder, wanted.beats, closing)
        hosts.start(say)
        market = Market(plan.errands(wanted.orders, wanted.seed), hosts.processes.staff_token)
        seconds = sell(hosts, market, wanted.orders, say)
        say("Coming to rest")
        orders, audit, seconds["rest"] = at_rest(hosts, market)
        return judged(hosts, market, orders, audit, seconds)


def sell(hosts: Hosts, market: Market, orders: int, say: Say) -> dict[str, float]:
    """Let the shoppers buy, and do to the hosts what the plan says; the seconds of each part."""
    seconds: dict[str, float] = {}
    with _shopping(hosts, market) as shopping:
        began = time.monotonic()
        _until(market, plan.stage_at("cut", orders), shopping, say)
        say(f"{market.done:4} orders: {' and '.join(CUT)} are cut off")
        cut_at = time.monotonic()
        for host in CUT:
            hosts.network.cut(host)
        _until(market, plan.stage_at("rejoin", orders), shopping, say)
        for host in CUT:
            hosts.network.join(host)
        seconds["cut"] = time.monotonic() - cut_at
        say(f"{market.done:4} orders: both are back after {seconds['cut']:.0f} s")
        _until(market, plan.stage_at("failover", orders), shopping, say)
        seconds["failover"] = fail_over(hosts, say, market)
        _until(market, orders, shopping, say)
        seconds["selling"] = time.monotonic() - began
    return seconds


def fail_over(hosts: Hosts, say: Say, market: Market) -> float:
    """The primary's host vanishes without a word; the replica takes over. The seconds it took."""
    began = time.monotonic()
    hosts.network.cut("pg1")
    hosts.primary.kill()
    say(f"{market.done:4} orders: the primary's host is gone")
    hosts.replica.promote()
    hosts.bouncer.point_to("pg2")
    took = time.monotonic() - began
    say(f"{market.done:4} orders: the replica has taken over after {took:.1f} s")
    return took


@contextlib.contextmanager
def _shopping(hosts: Hosts, market: Market) -> Iterator[threading.Thread]:
    thread = threading.Thread(
        target=hosts.network.inside, args=("shoppers", market.run), daemon=True
    )
    thread.start()
    try:
        yield thread
    finally:
        market.stopped = True
        thread.join(30)


def _until(market: Market, done: int, shopping: threading.Thread, say: Say) -> None:
    """Wait until so many orders are done. Raises EmbeddedError at a standstill."""
    moved_at = said_at = time.monotonic()
    last = market.done
    while market.done < done:
        if not shopping.is_alive():
            raise EmbeddedError("the shoppers ended early; see the traceback above")
        if market.done > last:
            last, moved_at = market.done, time.monotonic()
        if time.monotonic() - moved_at > STANDSTILL_SECONDS:
            raise EmbeddedError(f"nothing was sold for {STANDSTILL_SECONDS:.0f} s")
        if time.monotonic() - said_at > SAYS_EVERY_SECONDS:
            say(f"{market.done:4} orders")
            said_at = time.monotonic()
        time.sleep(0.1)


def at_rest(hosts: Hosts, market: Market) -> tuple[list[dict[str, Any]], dict[str, Any], float]:
    """Orders as their pages show them and our audit once nothing is under way; the seconds it took.

    Refunds are on no page: the audit's I13 knows them. Whatever else it finds is not waited for.
    """
    began = time.monotonic()
    while True:
        orders = hosts.network.inside("shoppers", lambda: shown(market))
        waiting = [order for order in orders if not _rests(order)]
        took = time.monotonic() - began
        if not waiting or took > REST_SECONDS:
            audit = audited(hosts)
            found = {violation["invariant"] for violation in audit["violations"]}
            if found != UNDER_WAY or took > REST_SECONDS:
                return orders, audit, time.monotonic() - began
        time.sleep(1)


def audited(hosts: Hosts) -> dict[str, Any]:
    """What `manage.py audit` says on a worker's host."""
    told = hosts.processes.manage("worker2", "audit", "--json", "--all-at-rest", must=False)
    audit: dict[str, Any] = json.loads(told)
    return audit


def shown(market: Market) -> list[dict[str, Any]]:
    """Each order's public page, asked at the first web host."""
    web = f"http://{plan.address(plan.WEBS[0])}:8000"
    known = {order["public_id"] for visit in market.visits for order in visit.orders}
    return [
        compose_processes.ask(f"{web}/api/v1/orders/{public_id}/") for public_id in sorted(known)
    ]


def _rests(order: dict[str, Any]) -> bool:
    states = {payment["state"] for payment in order["payments"]}
    return order["state"] != "paying" and states <= verdict.FINAL_PAYMENTS


def judged(
    hosts: Hosts,
    market: Market,
    orders: list[dict[str, Any]],
    audit: dict[str, Any],
    seconds: dict[str, float],
) -> dict[str, Any]:
    """The bank's word and our own audit, with the figures of the run."""
    refunds = {v.orders[0]["number"]: v.refunded_minor for v in market.visits if v.orders}
    told = verdict.judge(orders, refunds, hosts.ask_bank("/ledger")["movements"])
    told.found["gave up"] += [visit.complaint for visit in market.visits if visit.complaint]
    findings = [f"{zero}: {line}" for zero, found in told.found.items() for line in found]
    findings += [
        f"audit {v['invariant']} {v['subject']}: {v['detail']}" for v in audit["violations"]
    ]
    findings += [f"{name} ended by itself" for name in hosts.processes.ended()]
    line = f"orders {len(orders)}, cut {len(CUT)}, failover 1: {told}"
    line += f", audit {len(audit['violations'])} violations"
    return {
        "line": line,
        "findings": findings,
        "orders": len(orders),
        "movements": audit["movements"],
        "adopted": audit["adopted"],
        "answers": dict(sorted(market.answers.items())),
        "went_to_the_other_host": market.moved,
        "refunds_by_staff": sum(visit.refunded_minor > 0 for visit in market.visits),
        "slow": sorted(market.slow, reverse=True)[:30],
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }


def remove(folder: Path) -> None:
    """Leave nothing behind."""
    shutil.rmtree(folder, ignore_errors=True)
