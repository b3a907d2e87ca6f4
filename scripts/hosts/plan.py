"""Which host has which address and runs what. Pure: nothing here touches the machine."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

NETWORK = "10.77.0"
#: Every host with the last figure of its address.
HOSTS = {
    "shoppers": 10,
    "web1": 11,
    "web2": 12,
    "worker1": 21,
    "worker2": 22,
    "bouncer": 30,
    "pg1": 31,
    "pg2": 32,
    "valkey": 40,
    "bank": 50,
}
WEBS = ("web1", "web2")
WORKERS = ("worker1", "worker2")
BOUNCER_PORT = 6432
#: What shoppers type. It leads to both web hosts, as two addresses under one name would.
SHOP_NAME = "shop.test:8000"
DATABASE = "payonce"


def address(host: str) -> str:
    """The host's address. Raises KeyError for one that is not there."""
    return f"{NETWORK}.{HOSTS[host]}"


def secret_file(passwords: Mapping[str, str]) -> str:
    """PgBouncer's own list of who may come in."""
    return "".join(f'"{user}" "{password}"\n' for user, password in passwords.items())


def pgbouncer_ini(primary: str, *, folder: str, user: str) -> str:
    """PgBouncer in transaction mode before this primary; each time limit with its reason.

    docs/scaling.md shows the lines that matter.
    """
    return f"""\
[databases]
{DATABASE} = host={address(primary)} port=5432 dbname={DATABASE}

[pgbouncer]
listen_addr = {address("bouncer")}
listen_port = {BOUNCER_PORT}
unix_socket_dir = {folder}
auth_type = scram-sha-256
auth_file = {folder}/users.txt
admin_users = {user}
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 40
; A request that finds no server is refused in time to be repeated, not after two minutes.
query_wait_timeout = 8
; A primary that went silent: longer than any statement may take (15 s), far below for ever.
query_timeout = 20
server_connect_timeout = 3
server_login_retry = 1
; Look at a server that idled before it is lent; dead peers are noticed by TCP as well.
server_check_delay = 2
tcp_keepalive = 1
tcp_keepidle = 5
tcp_keepintvl = 2
tcp_keepcnt = 3
tcp_user_timeout = 10000
; A host that was cut off in the middle of a transaction gives its locks back.
idle_transaction_timeout = 30
logfile =
pidfile =
"""


def places(host: str, folder: str) -> dict[str, str]:
    """What docker-compose.yml calls by name, as addresses seen from this host."""
    # Notifications come to the web host that began the payment; the worker's to the second.
    webhook = host if host in WEBS else WEBS[1]
    return {
        "@postgres:5432": f"@{address('bouncer')}:{BOUNCER_PORT}",
        "redis://valkey:6379": f"redis://{address('valkey')}:6379",
        "http://bank:8001": f"http://{address('bank')}:8001",
        "http://web:8000": f"http://{address(webhook)}:8000",
        "/var/lib/payonce": f"{folder}/bank",
        "/tmp/beat-schedule": f"{folder}/beat-{host}",  # noqa: S108  # nosec B108 - the container's own
    }


@dataclass(frozen=True)
class Errand:
    """What one shopper does, decided by the seed before anything runs."""

    number: int
    way: str
    first_host: int
    methods: tuple[str, str]
    refunded: bool


#: How often each way is gone, in parts of a hundred. All but the last end in a paid order.
WAYS = {"plain": 45, "two tabs": 20, "two orders": 10, "switch and pay both": 15, "cancel": 10}
METHODS = ("qr", "redirect", "card")
#: What they buy: three goods, so that their stock is what everybody waits for.
SKUS = ("mug-blue", "tea-sencha", "notebook-dot")
ORDERS_MAX = 1500


def errands(count: int, seed: int) -> list[Errand]:
    """So many shoppers, the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    ways = dice.choices(list(WAYS), weights=list(WAYS.values()), k=count)
    return [
        Errand(
            number,
            way,
            first_host=dice.randrange(len(WEBS)),
            methods=(lambda pair: (pair[0], pair[1]))(dice.sample(METHODS, 2)),
            refunded=dice.random() < 0.1,
        )
        for number, way in enumerate(ways)
    ]


#: After which part of the orders what happens.
STAGES = {"cut": 0.15, "rejoin": 0.45, "failover": 0.65}


def stage_at(stage: str, orders: int) -> int:
    """How many orders are done when this stage begins."""
    return int(orders * STAGES[stage])
