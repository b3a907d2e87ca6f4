"""The bank put together: its doors, its courier and the passing of time."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator import payments, refunds
from simulator.alipay import Alipay
from simulator.books import Books
from simulator.card import CardDoors
from simulator.desk import DeskDoors
from simulator.gateway import Gateway
from simulator.notices import Courier
from simulator.paypal import PayPal
from simulator.people import PeopleDoors
from simulator.public import PublicDoors
from simulator.razorpay import Razorpay
from simulator.sandbox import Sandbox
from simulator.settings import Settings
from simulator.stripe import Stripe
from simulator.unionpay import Unionpay
from simulator.wechat import Wechat

logger = logging.getLogger(__name__)
# How often the bank looks for links that ran out and refunds that became due.
TICK_SECONDS = 0.5
#: Every gateway that this process plays.
GATEWAYS = (Sandbox, Stripe, PayPal, Alipay, Wechat, Unionpay, Razorpay)


def build(settings: Settings) -> Starlette:
    """One application in one thread: nothing here can run at the same moment twice."""
    books = Books(settings.data, settings.merchant, settings.public_url, settings.time_factor)
    gateways: list[Gateway] = [kind(books, settings) for kind in GATEWAYS]
    books.gateways = {gateway.name: gateway for gateway in gateways}

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(Courier(books, settings).run()),
            asyncio.create_task(_pass_time(books)),
        ]
        for task in tasks:
            task.add_done_callback(_stop_when_it_fails)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        books.close()

    routes = [
        *(route for gateway in gateways for route in gateway.routes()),
        *PublicDoors(books, settings.allow_reset).routes(),
        *DeskDoors(books).routes(),
        *PeopleDoors(books).routes(),
        *CardDoors(books).routes(),
    ]
    welcome = {door for gateway in gateways for door in getattr(gateway, "foreign_doors", ())}
    guard = Middleware(NoForeignWrites, welcome)
    return Starlette(routes=routes, lifespan=life, middleware=[guard])


class NoForeignWrites:
    """The doors for people need no key, so a browser may not write to them for another site.

    `welcome` are doors whose very purpose is a form of the shop's page.
    """

    def __init__(self, app: ASGIApp, welcome: Set[str]) -> None:
        self._app = app
        self._welcome = welcome

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writes = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")
        foreign = writes and Headers(scope=scope).get("sec-fetch-site") == "cross-site"
        if foreign and scope["path"] not in self._welcome:
            await PlainTextResponse("Not from another site.\n", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _stop_when_it_fails(task: asyncio.Task[None]) -> None:
    # A bank that went on without its post or its clock would make a drill prove nothing.
    if not task.cancelled() and task.exception() is not None:
        logger.critical("simulator.task.failed", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)


async def _pass_time(books: Books) -> None:
    while True:
        payments.pass_time(books)
        refunds.pass_time(books)
        await asyncio.sleep(TICK_SECONDS * min(1.0, books.time_factor))
