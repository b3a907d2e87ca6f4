"""What one bought order costs: rows, bytes, log, commits and processor time, measured.

    python scripts/cost_of_an_order.py [--orders 500] [--json FILE]

Starts docker-compose.yml's own processes (scripts/compose_processes.py), buys so many orders by QR
code, waits until invoices and mails are written, and compares what PostgreSQL and the kernel
counted before and after. docs/scaling.md computes from these figures.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import compose_processes, lock_times  # noqa: E402
from scripts.compose_processes import Running  # noqa: E402

WARMING_ORDERS = 50
ALONE_ORDERS = 40
RESTS_AFTER_SECONDS = 120.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
TABLES = """
    SELECT relname, pg_total_relation_size(oid) FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""
COUNT = "SELECT count(*) FROM {}"
COUNTED = """
    SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, xact_commit FROM pg_stat_database
     WHERE datname = current_database()
"""


def say(line: str) -> None:
    """A line of progress, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def measure(running: Running, orders: int, at_once: int) -> dict[str, Any]:
    """Buy and compare; the figures of one order."""
    with psycopg.connect(running.database_url, autocommit=True) as database:
        say(f"{WARMING_ORDERS} orders to warm up")
        buy(running, WARMING_ORDERS, at_once)
        rest(database)
        packed_before = pack(database)
        before = snapshot(running, database)
        say(f"{orders} orders to be measured")
        began = time.monotonic()
        buy(running, orders, at_once)
        bought = time.monotonic() - began
        rest(database)
        after = snapshot(running, database)
        idle = idle_costs(running, database)
        locks = lock_times_of(running, database)
        bought_in_all = orders + ALONE_ORDERS
        packed = {
            name: (size - packed_before[name]) / bought_in_all
            for name, size in pack(database).items()
        }
    return figures_of(before, after, idle, packed, orders, bought) | {"locks": locks}


def buy(running: Running, orders: int, at_once: int) -> None:
    """So many purchases, a few at a time."""

    def one(_: int) -> str:
        return compose_processes.buy(running.machine, running.shop, running.bank)

    with concurrent.futures.ThreadPoolExecutor(at_once) as shoppers:
        for done, _ in enumerate(shoppers.map(one, range(orders)), start=1):
            if done % 100 == 0:
                say(f"  {done}")


def rest(database: psycopg.Connection[Any]) -> None:
    """Wait until the relay and the mails have caught up. Raises RuntimeError."""
    waiting = """
        SELECT (SELECT count(*) FROM shop_outboxmessage WHERE done_at IS NULL)
             + (SELECT count(*) FROM orders_order o WHERE o.state = 'paid'
                 AND NOT EXISTS (SELECT 1 FROM orders_invoice i WHERE i.order_id = o.id))
    """
    deadline = time.monotonic() + RESTS_AFTER_SECONDS
    while database.execute(waiting).fetchone() != (0,):
        if time.monotonic() > deadline:
            raise RuntimeError("the relay did not catch up")
        time.sleep(0.5)
    # Counters of PostgreSQL's sessions arrive with a delay.
    time.sleep(2)


def snapshot(running: Running, database: psycopg.Connection[Any]) -> dict[str, Any]:
    """Everything that is counted, now."""
    database.execute("CHECKPOINT")
    sizes = dict(database.execute(TABLES).fetchall())
    rows = {name: one(database, sql.SQL(COUNT).format(sql.Identifier(name)))[0] for name in sizes}
    wal, commits = one(database, COUNTED)
    spent = {n: cpu_seconds(p.pid) for n, p in running.machine.running.items()}
    spent["postgres"] = cpu_seconds(postmaster(database))
    return {
        "at": time.monotonic(), "sizes": sizes, "rows": rows,
        "wal": int(wal), "commits": commits, "cpu": spent,
    }  # fmt: skip


def one(database: psycopg.Connection[Any], question: Any) -> tuple[Any, ...]:
    """The first row of an answer that has one."""
    for row in database.execute(question):
        return tuple(row)
    raise LookupError(question)


def postmaster(database: psycopg.Connection[Any]) -> int:
    """The server's first process; its children's time is counted with it."""
    (backend,) = one(database, "SELECT pg_backend_pid()")
    return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, of its children, and of those that have ended."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(folder.name) == pid:
            total += sum(map(int, told[11:15]))
        elif int(told[1]) == pid:
            total += sum(map(int, told[11:13]))
    return total / TICKS_A_SECOND


def idle_costs(running: Running, database: psycopg.Connection[Any]) -> dict[str, float]:
    """Processor time of each process in a second in which nobody buys."""
    first = snapshot(running, database)
    time.sleep(20)
    last = snapshot(running, database)
    seconds = last["at"] - first["at"]
    return {name: (last["cpu"][name] - first["cpu"][name]) / seconds for name in first["cpu"]}


def lock_times_of(running: Running, database: psycopg.Connection[Any]) -> dict[str, Any]:
    """How long one shopper alone holds the rows that others would wait for."""
    (log,) = (running.machine.folder / "data").rglob("postgres.log")
    for name, value in lock_times.SETTINGS.items():
        database.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
    database.execute("SELECT pg_reload_conf()")
    time.sleep(1)
    began = log.stat().st_size
    for _ in range(ALONE_ORDERS):
        compose_processes.buy(running.machine, running.shop, running.bank)
    rest(database)
    for name in lock_times.SETTINGS:
        database.execute(f"ALTER SYSTEM RESET {name}".encode())
    database.execute("SELECT pg_reload_conf()")
    with log.open("rb") as file:
        file.seek(began)
        return lock_times.summed_up(file.read().decode(errors="replace"), orders=ALONE_ORDERS)


def pack(database: psycopg.Connection[Any]) -> dict[str, int]:
    """The tables' sizes without dead rows and half-empty pages."""
    database.execute("VACUUM FULL")
    return dict(database.execute(TABLES).fetchall())


def figures_of(
    before: dict[str, Any],
    after: dict[str, Any],
    idle: dict[str, float],
    packed: dict[str, float],
    orders: int,
    bought_seconds: float,
) -> dict[str, Any]:
    """The differences, divided by the orders; what idles is taken off."""
    seconds = after["at"] - before["at"]
    tables = {}
    for name, size in after["sizes"].items():
        new = after["rows"][name] - before["rows"][name]
        if new > orders / 20:
            tables[name] = {
                "rows": round(new / orders, 2),
                "bytes": round((size - before["sizes"][name]) / orders),
                "packed_bytes": round(packed[name]),
            }
    cpu = {
        name: round(((spent - before["cpu"][name]) - idle[name] * seconds) / orders * 1000, 2)
        for name, spent in after["cpu"].items()
    }
    return {
        "orders": orders,
        "orders_a_second": round(orders / bought_seconds, 1),
        "load": [round(load, 1) for load in os.getloadavg()],
        "cores": os.cpu_count(),
        "rows": round(sum(t["rows"] for t in tables.values()), 2),
        "bytes": sum(t["bytes"] for t in tables.values()),
        "packed_bytes": sum(t["packed_bytes"] for t in tables.values()),
        "wal_bytes": round((after["wal"] - before["wal"]) / orders),
        "commits": round((after["commits"] - before["commits"]) / orders, 1),
        "cpu_ms": cpu,
        "idle_cpu_ms_a_second": {name: round(value * 1000, 1) for name, value in idle.items()},
        "tables": tables,
    }


def main() -> int:
    """Measure in a temporary folder and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=4, help="shoppers at the same time")
    parser.add_argument("--json", type=Path, help="write the figures into this file as well")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cost-") as folder:
        # Under root the servers run as somebody else, who must pass through.
        Path(folder).chmod(0o711)
        with compose_processes.started(Path(folder), EMAIL_URL="dummymail://") as running:
            found = json.dumps(measure(running, wanted.orders, wanted.at_once), indent=2)
    if wanted.json:
        wanted.json.write_text(found + "\n")
    say(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
