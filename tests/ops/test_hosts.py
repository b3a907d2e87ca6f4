"""`make hosts`: the parts that need no machine of their own. The run itself needs root."""

import configparser
import os
import shutil
from collections import Counter

import pytest

from scripts import compose_processes
from scripts.hosts import network, plan, verdict
from shop.database import limits
from shop.embedded.errors import EmbeddedError
from shop.embedded.place import Account


def test_every_host_has_its_own_address():
    addresses = {plan.address(host) for host in plan.HOSTS}
    assert len(addresses) == len(plan.HOSTS)
    assert set(plan.WEBS) | set(plan.WORKERS) < set(plan.HOSTS)
    with pytest.raises(KeyError):
        plan.address("nowhere")


def test_a_cable_has_a_name_that_the_kernel_takes():
    assert all(len(host) <= 15 and host.isalnum() for host in plan.HOSTS)


def pooler(primary: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(plan.pgbouncer_ini(primary, folder="/run/x", user="payonce"))
    return parser


def test_the_pooler_lends_for_one_transaction_and_follows_the_primary():
    assert pooler("pg1")["pgbouncer"]["pool_mode"] == "transaction"
    assert f"host={plan.address('pg2')} " in pooler("pg2")["databases"][plan.DATABASE]
    assert plan.address("pg1") not in pooler("pg2")["databases"][plan.DATABASE]


def test_the_pooler_gives_up_in_time_and_never_before_the_database_does():
    told = pooler("pg1")["pgbouncer"]
    statement = int(limits.LIMITS["statement_timeout"].rstrip("s"))
    idle = int(limits.LIMITS["idle_in_transaction_session_timeout"].rstrip("s"))
    assert int(told["query_timeout"]) > statement
    assert int(told["query_wait_timeout"]) < statement
    assert int(told["idle_transaction_timeout"]) >= idle


def test_only_addresses_differ_from_the_compose_file():
    known = compose_processes.made_up() | {"DATABASE_POOLER": "transaction"}
    services = compose_processes.compose(known)["services"]
    names = ("@postgres:", "//valkey:", "//bank:", "//web:")
    for host, service in (("web1", "web"), ("web2", "web"), ("worker1", "worker")):
        machine = compose_processes.Machine(
            services, plan.places(host, "/x"), compose_processes.ROOT
        )
        placed = machine.environment(service)
        assert not [value for value in placed.values() if any(name in value for name in names)]
        for name, value in services[service]["environment"].items():
            if name not in ("DATABASE_URL", "REDIS_URL", "BANK_URL", "WEBHOOK_URL"):
                assert placed[name] == str(value)
        assert machine.command(service)[1:] == services[service]["command"][1:]


def test_a_web_host_is_notified_itself():
    told = {host: plan.places(host, "/x")["http://web:8000"] for host in ("web1", "web2")}
    assert told == {host: f"http://{plan.address(host)}:8000" for host in told}


def test_the_same_seed_sends_the_same_shoppers_and_another_one_others():
    assert plan.errands(200, seed=7) == plan.errands(200, seed=7)
    assert plan.errands(200, seed=7) != plan.errands(200, seed=8)
    ways = Counter(errand.way for errand in plan.errands(300, seed=1))
    assert set(ways) == set(plan.WAYS)
    assert {errand.first_host for errand in plan.errands(50, seed=1)} == {0, 1}


def test_everything_happens_while_people_are_buying():
    stages = [plan.stage_at(stage, 40) for stage in ("cut", "rejoin", "failover")]
    assert stages == sorted(stages)
    assert 0 < stages[0]
    assert stages[-1] < 40


def test_a_server_runs_as_nobody_on_its_host_and_dies_with_the_run():
    argv = network.Network().command("pg1", ["postgres"], Account(65534, 65533))
    assert argv[:3] == ["ip", "netns", "exec"]
    assert argv[3].endswith("-pg1")
    assert {"--reuid=65534", "--regid=65533", "--pdeathsig"} <= set(argv)
    assert argv[-1] == "postgres"


# --- the judge ------------------------------------------------------------------------------------


def order(state: str = "paid", *payments: str) -> dict:
    shown = payments or ("captured",)
    return {
        "number": "PO-1",
        "state": state,
        "total_minor": 1000,
        "payments": [{"reference": f"P{n}", "state": s} for n, s in enumerate(shown)],
    }


def moved(reference: str, *amounts: int) -> list[dict]:
    return [
        {"reference": reference, "kind": "charge" if a > 0 else "refund", "amount_minor": abs(a)}
        for a in amounts
    ]


HONEST = {
    "paid once": (order(), 0, moved("P0", 1000)),
    "the second one came back": (
        order("paid", "captured", "surplus"), 0, moved("P0", 1000) + moved("P1", 1000, -1000),
    ),
    "staff sent a part back": (order(), 100, moved("P0", 1000, -100)),
    "sent back in full": (order("refunded"), 1000, moved("P0", 1000, -1000)),
    "cancelled": (order("cancelled", "closed"), 0, []),
}  # fmt: skip
LIES = {
    "double": (order("paid", "captured", "surplus"), 0, moved("P0", 1000) + moved("P1", 1000)),
    "lost": (order("cancelled", "closed"), 0, moved("P0", 1000)),
    "stuck": (order("paying", "unknown"), 0, []),
    "over-refunded": (order(), 0, moved("P0", 1000, -100)),
    "orphan": (order(), 0, moved("P0", 1000) + moved("P9", 500)),
}


@pytest.mark.parametrize("name", HONEST)
def test_the_judge_has_nothing_to_say_about(name):
    shown, sent_back, movements = HONEST[name]
    told = verdict.judge([shown], {"PO-1": sent_back}, movements)
    assert told.is_clean, told.found


@pytest.mark.parametrize("zero", LIES)
def test_the_judge_finds(zero):
    shown, sent_back, movements = LIES[zero]
    told = verdict.judge([shown], {"PO-1": sent_back}, movements)
    assert [name for name, found in told.found.items() if found] == [zero]
    assert f"{zero} 1" in str(told)


def test_a_paid_order_without_money_is_lost_and_never_clean():
    told = verdict.judge([order()], {}, [])
    assert told.found["lost"] == ["PO-1 is paid and holds 0: 1000"]


def test_a_machine_that_cannot_make_hosts_is_told_why(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EmbeddedError, match="needs root"):
        network.check_possible()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(EmbeddedError, match="iproute2"):
        network.check_possible()
