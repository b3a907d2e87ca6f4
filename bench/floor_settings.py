"""The least Django that can serve `bench.floor`: the shop's database and tables, nothing else."""

from shop.settings import *  # noqa: F403

ROOT_URLCONF = "bench.floor"
MIDDLEWARE = []
