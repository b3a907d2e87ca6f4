"""The push: an open order page hears of each change within the second it is committed.

A message only says that something is new; what is shown is read again from the database or
its cached copy, so a forged or lost message changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from orders import lookups, status
from orders.lookups import TooManyLookups
from orders.problems import OrderNotFound
from shop.logs import get_logger

log = get_logger(__name__)
security = get_logger("security")

#: Pages send nothing; a chatty client is a mistake or an attack.
MESSAGES_MAX = 20
MESSAGE_BYTES_MAX = 1024
#: A frozen Redis must not hold a handshake: the page polls instead.
REDIS_WAIT_SECONDS = 2.0

TOO_BIG = 1009
TRY_LATER = 1013
NOT_FOUND = 4404
TOO_MANY = 4429

_sockets: Counter[str] = Counter()


class OrderConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page. Sends `{state, …}` at once and after each change."""

    group = ""
    counted_for = ""
    sent_version = 0
    messages = 0

    async def connect(self) -> None:
        address = (self.scope.get("client") or ("",))[0]
        if _sockets[address] >= settings.SOCKETS_PER_ADDRESS:
            await self._refuse(TOO_MANY)
            return
        try:
            found = await self._find(address)
        except OrderNotFound:
            await self._refuse(NOT_FOUND)
            return
        except TooManyLookups:
            await self._refuse(TOO_MANY)
            return
        _sockets[address] += 1
        self.counted_for = address
        # The group's name comes from the row, never from the client.
        self.group = status.group_of(found.number)
        try:
            joining = self.channel_layer.group_add(self.group, self.channel_name)
            await asyncio.wait_for(joining, REDIS_WAIT_SECONDS)
        except (OSError, TimeoutError):
            await self._refuse(TRY_LATER)
            return
        await self.accept()
        # Read again: what changed before we joined the group was not announced to us.
        await self._show(await _read(self._public_id, found.version))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.messages += 1
        if len(text_data or bytes_data or "") > MESSAGE_BYTES_MAX:
            await self.close(TOO_BIG)
        elif self.messages > MESSAGES_MAX:
            await self.close(TOO_MANY)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Channels closes old database connections before each message, by a hop to a thread.

        A hundred pages that hear of a change would hop a hundred times and ask the database once;
        that one read looks after its connection itself.
        """
        if message["type"] == "order.changed":
            await self.order_changed(message)
        else:
            await super().dispatch(message)

    async def order_changed(self, event: dict[str, Any]) -> None:
        """From the channel layer: version so-and-so is committed."""
        version = event.get("version")
        if isinstance(version, int) and version > self.sent_version:
            await self._show(await _read_together(self._public_id, version))

    async def disconnect(self, code: int) -> None:
        if self.counted_for:
            _sockets[self.counted_for] -= 1
            if _sockets[self.counted_for] <= 0:
                del _sockets[self.counted_for]
        if self.group:
            try:
                leaving = self.channel_layer.group_discard(self.group, self.channel_name)
                await asyncio.wait_for(leaving, REDIS_WAIT_SECONDS)
            except (OSError, TimeoutError):
                log.info("orders.socket.left_without_redis")

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _find(self, address: str) -> status.Status:
        with lookups.counting_misses(address):
            return status.read(lookups.well_formed(self._public_id))

    @property
    def _public_id(self) -> str:
        public_id: str = self.scope["url_route"]["kwargs"]["public_id"]
        return public_id

    async def _show(self, found: status.Status) -> None:
        if found.version > self.sent_version:
            self.sent_version = found.version
            await self.send(text_data=json.dumps(found.body))

    async def _refuse(self, code: int) -> None:
        security.warning("orders.socket.refused", code=code)
        await self.close(code)


@database_sync_to_async  # type: ignore[untyped-decorator]
def _read(public_id: str, at_least: int) -> status.Status:
    return status.read(public_id, at_least=at_least)


#: Reads under way, by order and version: all pages of an order hear of a change at once.
_reads: dict[tuple[str, int], asyncio.Task[status.Status]] = {}


async def _read_together(public_id: str, version: int) -> status.Status:
    """One read for every page of this process that was told of the same version."""
    name = (public_id, version)
    if name not in _reads:
        _reads[name] = asyncio.create_task(_read(public_id, version))
        _reads[name].add_done_callback(lambda _: _reads.pop(name, None))
    # A page that leaves meanwhile must not end the others' read.
    return await asyncio.shield(_reads[name])
