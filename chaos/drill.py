"""One drill: the storm, the calm in which everything must become final, the judgement."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg

from chaos import plan
from chaos.burden import cpu_seconds
from chaos.doors import Door, client
from chaos.house import LOOPBACK, STAFF_TOKENS, House, Told
from chaos.looks import Look, look, under_way
from chaos.verdict import Verdict, judge
from chaos.weather import Weather

TICK_SECONDS = 0.1
PROGRESS_SECONDS = 2.0
LOOK_SECONDS = 1.0
#: Everything should be final within ten seconds; after a minute it never will be.
CALM_SECONDS_MAX = 60.0
READS_AT_ONCE = 12
ON_THE_DESK = """
SELECT known ->> 'payment' FROM payments_reviewcase
WHERE kind = 'reconciliation' AND resolved_at IS NULL
"""


@dataclass(frozen=True)
class Options:
    """What to do."""

    orders: int = 200
    seed: int = 1
    failover: str = "sync"
    faults: bool = True
    kills: bool = True
    at_once: int = 16
    layer_off: str = ""
    refunds: bool = True
    mix: dict[str, int] = field(default_factory=lambda: plan.MIX)
    per_thousand: dict[str, int] = field(default_factory=lambda: plan.PER_THOUSAND)


@dataclass
class Outcome:
    """Everything that the report is made of."""

    options: Options
    began: float = 0.0
    storm_seconds: float = 0.0
    calm_seconds: float | None = None
    never_final: dict[str, int] = field(default_factory=dict)
    visits: list[dict[str, Any]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    struck: dict[str, int] = field(default_factory=dict)
    happened: list[tuple[float, str]] = field(default_factory=list)
    killed_at: list[float] = field(default_factory=list)
    failover_seconds: float | None = None
    burden: dict[str, float] = field(default_factory=dict)
    ended_by_itself: list[str] = field(default_factory=list)
    audit: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    movements: list[dict[str, Any]] = field(default_factory=list)
    #: Payments that a failover had erased and the bank's statement brought back.
    adopted: int = 0
    #: How many second requests each layer stopped.
    caught: dict[str, int] = field(default_factory=dict)

    @property
    def fault_count(self) -> int:
        """Every fault that came down, kills apart."""
        return sum(self.struck.values()) + len(self.happened)

    @property
    def line(self) -> str:
        """The one line."""
        zeros = ", ".join(f"{name} {count}" for name, count in self.verdict.counts.items())
        kills = self.counts.get("kills", 0)
        return f"orders {len(self.visits)}, faults {self.fault_count}, kills {kills}: {zeros}"


def run(options: Options, house: House, say: Any) -> Outcome:
    """The whole drill in a house that stands; every number in the outcome was seen."""
    outcome = Outcome(options, began=time.time())
    stock_before = asyncio.run(_stock(house))
    weather = _weather(options, house)
    say(f"{options.orders} orders, seed {options.seed}, {options.at_once} shoppers at once")
    began = time.monotonic()
    before = house.burden()
    _storm(options, house, weather, outcome, say)
    outcome.storm_seconds = round(time.monotonic() - began, 1)
    # A server that was started anew counts from zero.
    outcome.burden |= {
        name: round(spent - before.get(name, 0) if spent >= before.get(name, 0) else spent, 1)
        for name, spent in house.burden().items()
    }
    _calm(house, outcome, say)
    if options.failover == "async":
        _reconcile(house, outcome, say)
    outcome.struck = weather.struck()
    outcome.counts = dict(weather.counts)
    outcome.happened, outcome.killed_at = weather.happened, weather.killed_at
    outcome.failover_seconds = weather.failover_seconds
    outcome.ended_by_itself = house.ended_by_itself
    _judge(house, outcome, stock_before, say)
    return outcome


def _weather(options: Options, house: House) -> Weather:
    events = []
    if options.faults:
        failover = options.failover
        events = plan.weather(
            options.seed, options.orders, failover=failover, per_thousand=options.per_thousand
        )
    return Weather(
        house, options.seed, events, kills=options.kills, faulty_bank=options.faults,
        ignores_key=options.layer_off == "gateway key",
    )  # fmt: skip


def _storm(options: Options, house: House, weather: Weather, outcome: Outcome, say: Any) -> None:
    record = house.folder / "visits.jsonl"
    record.unlink(missing_ok=True)
    shoppers = Told(["-m", "chaos.shoppers"], house.env, house.logs / "shoppers.log")
    try:
        shoppers.tell(
            shop=house.env["SHOP_URL"], bank=f"http://{LOOPBACK}:{house.bank_port}",
            tokens=list(STAFF_TOKENS), seed=options.seed,
            orders=options.orders, at_once=options.at_once, mix=options.mix,
            record=str(record), button=options.layer_off != "button",
            refunds=options.refunds,
        )  # fmt: skip
        _weather_the_storm(options, house, weather, outcome, shoppers, say)
        outcome.burden = cpu_seconds({"shoppers": shoppers.process.pid})
    finally:
        shoppers.stop()
    outcome.visits = [json.loads(line) for line in record.read_text().splitlines()]


def _weather_the_storm(
    options: Options, house: House, weather: Weather, outcome: Outcome, shoppers: Told, say: Any
) -> None:
    began = time.monotonic()
    next_progress = next_look = began
    done, over = 0, False
    while not over:
        for line in shoppers.heard(TICK_SECONDS):
            done, over = line.get("done", line.get("over", done)), "over" in line
        if shoppers.process.poll() is not None and not over:
            raise RuntimeError(f"The shoppers died; see {house.logs / 'shoppers.log'}.")
        # Faults stop with the last shopper's last word, not before.
        if not over:
            weather.blow(done)
        house.look_after()
        now = time.monotonic()
        if now >= next_look:
            next_look = now + LOOK_SECONDS
            if (seen := look(house)) is not None:
                outcome.looks.append(seen)
        if now >= next_progress:
            next_progress = now + PROGRESS_SECONDS
            say(_progress(options, weather, outcome, done, now - began))
    weather.clear_up()


def _progress(
    options: Options, weather: Weather, outcome: Outcome, done: int, seconds: float
) -> str:
    in_doubt = outcome.looks[-1].in_doubt if outcome.looks else 0
    faults = sum(weather.struck().values()) + len(weather.happened)
    rate = done / seconds if seconds > 1 else 0.0
    return (
        f"{done:>6}/{options.orders} orders  {rate:5.1f}/s  faults {faults}  "
        f"kills {weather.counts['kills']}  in doubt {in_doubt}"
    )


def _calm(house: House, outcome: Outcome, say: Any) -> None:
    """Nothing breaks any more: how long until nothing is under way?"""
    say("The faults have stopped: everything must become final")
    began = time.monotonic()
    next_progress = began + PROGRESS_SECONDS
    while time.monotonic() - began < CALM_SECONDS_MAX:
        house.look_after()
        if (seen := look(house)) is not None:
            outcome.looks.append(seen)
        try:
            outcome.never_final = under_way(house)
        except psycopg.Error:
            outcome.never_final = {"database": 1}
        if not outcome.never_final:
            # Reconciling may find work for a second calm: both are waited for.
            waited = outcome.calm_seconds or 0
            outcome.calm_seconds = round(waited + time.monotonic() - began, 1)
            say(f"Everything is final after {outcome.calm_seconds} s")
            return
        if time.monotonic() >= next_progress:
            next_progress += PROGRESS_SECONDS
            say(f"  under way: {outcome.never_final}")
        time.sleep(0.25)
    say(f"Not final after {CALM_SECONDS_MAX:.0f} s: {outcome.never_final}")


def _judge(house: House, outcome: Outcome, stock_before: dict[str, int], say: Any) -> None:
    desk = {str(reference) for (reference,) in house.primary.ask(ON_THE_DESK)}
    say("The audit compares every row with the bank's statement")
    audit = house.manage("audit", "--all-at-rest", "--json")
    if not audit.stdout:
        raise RuntimeError(f"The audit could not be made.\n{audit.stderr[-2000:]}")
    outcome.audit = json.loads(audit.stdout)
    outcome.adopted += outcome.audit["adopted"]
    say("The judge reads the ledger and every order's page")
    bank = httpx.get(f"http://{LOOPBACK}:{house.bank_port}/ledger", timeout=30, trust_env=False)
    outcome.movements = bank.json()["movements"]
    public_ids = [visit["public_id"] for visit in outcome.visits if visit["public_id"]]
    shown, stock = asyncio.run(_read_all(house, public_ids))
    both = {sku: (stock_before[sku], free) for sku, free in stock.items()}
    outcome.verdict = judge(outcome.visits, shown, outcome.movements, both, desk)
    erased = {ref for v in outcome.visits if shown.get(v["public_id"], v) is None
              for ref in v["references"]}  # fmt: skip
    outcome.audit["violations"] = [
        violation for violation in outcome.audit["violations"]
        if not (violation["invariant"] == "I4" and violation["subject"] in desk & erased)
    ]  # fmt: skip
    # Also what no page shows any more.
    for what, count in outcome.never_final.items():
        outcome.verdict.add("stuck", f"{count} {what} after {CALM_SECONDS_MAX:.0f} s")


def _reconcile(house: House, outcome: Outcome, say: Any) -> None:
    """What the failover erased is adopted; money of an order that is gone comes to the desk."""
    done = house.manage("reconcile", "--date", f"{datetime.now(UTC):%Y-%m-%d}", "--json")
    if not done.stdout:
        raise RuntimeError(f"The books could not be reconciled.\n{done.stderr[-2000:]}")
    outcome.adopted = sum(json.loads(line)["adopted"] for line in done.stdout.splitlines())
    say(f"Reconciled with the bank's statement: {outcome.adopted} adopted after lost commits")
    _calm(house, outcome, say)


async def _stock(house: House) -> dict[str, int]:
    async with client(house.env["SHOP_URL"], 2) as shop:
        goods = (await Door(shop).ask("goods", "GET", "/api/v1/products/")).body
    return {good["sku"]: good["available"] for good in goods}


async def _read_all(
    house: House, public_ids: list[str]
) -> tuple[dict[str, dict[str, Any] | None], dict[str, int]]:
    """Every order as its page shows it; None for one that is not there."""
    shown: dict[str, dict[str, Any] | None] = {}
    waiting = list(public_ids)
    async with client(house.env["SHOP_URL"], READS_AT_ONCE) as shop:

        async def reader() -> None:
            door = Door(shop)
            while waiting:
                public_id = waiting.pop()
                answer = await door.ask("judge", "GET", f"/api/v1/orders/{public_id}/")
                shown[public_id] = answer.body if answer.status == 200 else None

        await asyncio.gather(*(reader() for _ in range(READS_AT_ONCE)))
    return shown, await _stock(house)
