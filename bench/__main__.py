"""`python -m bench`: run it all and say what was reached. See `make bench`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bench import running
from shop.embedded.errors import EmbeddedError
from shop.embedded.servers import start


def main(argv: list[str]) -> int:
    """Run, print the table, write the results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", default="1000,100000,1000000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=2400)
    parser.add_argument("--only", default="")
    options = parser.parse_args(argv)
    servers = start(Path(".data"), name="bench", durable=True, progress=print)
    try:
        running.build_base(servers.database_url, servers.redis_url)
        found = {}
        wanted = [o for o in running.OPERATIONS if not options.only or o.name in options.only]
        for size in map(int, options.sizes.split(",")):
            print(f"{size:,} orders", flush=True)
            bench = running.Bench(
                servers.database_url, servers.redis_url, options.rounds, options.requests, print
            )
            with running.sized(servers.database_url, servers.redis_url, size, print) as url:
                found[size] = running.run_size(bench, url, wanted)
            for name, each in found[size].items():
                l, s = each["limit"], each["shop"]
                f = each.get("floor", s)
                print(f"{name:22} limit {l['per_second']:8.0f} floor {f['per_second']:7.0f} shop {s['per_second']:7.0f}"
                      f" of limit {s['per_second']/l['per_second']:.3f} floor:limit {f['per_second']/l['per_second']:.3f} of floor {s['per_second']/f['per_second']:.2f}"
                      f" p50 {s['p50']:.1f} p99 {s['p99']:.1f} core {s['core']:.2f} floor core {f['core']:.2f}", flush=True)
    finally:
        servers.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
