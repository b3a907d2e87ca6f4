"""The shoppers, a process of their own: `python -m chaos.shoppers`.

Told once, by one JSON object on its standard input: {"shop", "bank", "tokens", "seed", "orders",
"at_once", "mix", "record", "button", "refunds"}. Tells {"done": n} as visits end, and
{"over": n} when the last one has.
"""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import uvloop
from httpx import AsyncClient

from chaos.doors import Door, client
from chaos.plan import purchase
from chaos.visit import Visit

#: Every so many visits the drill is told.
TELLS_EVERY = 5


async def shop_all(told: dict[str, Any]) -> None:
    """Every visit of the plan, so many at a time; each is written down as it ends."""
    # A line a visit: nobody waits for so little.
    with Path(told["record"]).open("a", buffering=1, encoding="utf-8") as record:  # noqa: ASYNC230
        async with (
            client(told["shop"], 4 * told["at_once"]) as shop,
            client(told["bank"], 2 * told["at_once"]) as bank,
            asyncio.TaskGroup() as group,
        ):
            visits = Visits(told, shop, bank, record)
            await visits.prepare()
            for number in range(told["orders"]):
                await visits.room.acquire()
                group.create_task(visits.one(number))
    say({"over": visits.done})


class Visits:
    """What the visits share."""

    def __init__(
        self, told: dict[str, Any], shop: AsyncClient, bank: AsyncClient, record: TextIO
    ) -> None:
        self.room = asyncio.Semaphore(told["at_once"])
        self.done = 0
        self._told, self._shop, self._bank, self._record = told, shop, bank, record
        self._plenty: list[str] = []

    async def prepare(self) -> None:
        """Read the catalogue: most want what there is plenty of."""
        goods = (await Door(self._shop).ask("goods", "GET", "/api/v1/products/")).body
        self._plenty = [g["sku"] for g in goods if g["available"] > self._told["orders"]]

    async def one(self, number: int) -> None:
        """One visit, written down as it ends."""
        told = self._told
        try:
            plan = purchase(told["seed"], number, self._plenty, told["mix"])
            doors = Door(self._shop), Door(self._bank)
            if not told["refunds"]:
                plan = replace(plan, refund="")
            visit = Visit(plan, *doors, told["shop"], tuple(told["tokens"]), told["button"])
            self._record.write(json.dumps(await visit.go()) + "\n")
        finally:
            self.room.release()
        self.done += 1
        if self.done % TELLS_EVERY == 0:
            say({"done": self.done})


def say(what: dict[str, Any]) -> None:
    """Tell whoever started us."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(shop_all(json.loads(sys.stdin.readline())))
