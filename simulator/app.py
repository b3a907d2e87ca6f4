"""The bank put together: its doors, its courier and the passing of time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from simulator import payments, refunds
from simulator.books import Books
from simulator.merchant import MerchantDoors
from simulator.notices import Courier
from simulator.people import PeopleDoors
from simulator.public import PublicDoors
from simulator.settings import Settings

# How often the bank looks for links that ran out and refunds that became due.
TICK_SECONDS = 0.5


def build(settings: Settings) -> Starlette:
    """One application in one thread: nothing here can run at the same moment twice."""
    books = Books(settings.data, settings.merchant, settings.public_url, settings.time_factor)

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(Courier(books, settings).run()),
            asyncio.create_task(_pass_time(books)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        books.close()

    routes = [
        *MerchantDoors(books, settings).routes(),
        *PublicDoors(books, settings.allow_reset).routes(),
        *PeopleDoors(books).routes(),
    ]
    return Starlette(routes=routes, lifespan=life)


async def _pass_time(books: Books) -> None:
    while True:
        payments.pass_time(books)
        refunds.pass_time(books)
        await asyncio.sleep(TICK_SECONDS * min(1.0, books.time_factor))
