"""The socket: the state at once, then each change; nothing for strangers; no trust in Redis."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from orders import consumers, services, status
from orders.moves import locked, tell
from shop import courtesy
from tests.factories import place
from tests.orders.open_page import OpenPage
from tests.orders.story import pay

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def no_sockets_of_earlier_tests() -> None:
    consumers._sockets.clear()


def run(story: Any) -> None:
    asyncio.run(asyncio.wait_for(story, 30))


def in_thread(call, *args, **kwargs):
    return database_sync_to_async(call)(*args, **kwargs)


def test_an_open_page_hears_the_state_at_once_and_each_change():
    async def story() -> None:
        order = await in_thread(place)
        page = OpenPage(order.public_id)
        assert await page.connect() is None
        assert (await page.heard())["state"] == "unpaid"
        await in_thread(services.cancel_order, public_id=order.public_id, now=timezone.now())
        states = [await page.heard()]
        while states[-1]["state"] != "cancelled":
            states.append(await page.heard())
        assert len(states) <= 2
        await page.leave()

    run(story())


def test_a_paying_order_is_pushed(bank):
    async def story() -> None:
        order = await in_thread(place)
        page = OpenPage(order.public_id)
        await page.connect()
        await page.heard()
        await in_thread(pay, order)
        assert (await page.heard())["state"] == "paying"
        await page.leave()

    run(story())


@pytest.mark.parametrize("public_id", ["x" * 24, "1", "x" * 400, "%00"])
def test_a_stranger_is_refused_before_the_handshake(public_id):
    async def story() -> None:
        page = OpenPage(public_id)
        assert await page.connect() == 4404

    run(story())


def test_a_forged_message_changes_nothing():
    async def story() -> None:
        order = await in_thread(place)
        page = OpenPage(order.public_id)
        await page.connect()
        await page.heard()
        forged = {"type": "order.changed", "version": 10**9, "state": "paid"}
        await get_channel_layer().group_send(status.group_of(order.number), forged)
        assert await page.hears_nothing()
        await page.leave()

    run(story())


def test_our_own_wake_up_speaks_the_language_of_the_channel_layer():
    async def story() -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add("order.test", channel)
        await in_thread(courtesy.publish, "order.test", {"type": "order.changed", "version": 2})
        heard = await asyncio.wait_for(layer.receive(channel), 3)
        assert heard == {"type": "order.changed", "version": 2}

    run(story())


@pytest.mark.parametrize(("messages", "code"), [(["x" * 1_000_000], 1009), (["{}"] * 30, 4429)])
def test_a_chatty_client_is_shown_out(messages, code):
    async def story() -> None:
        order = await in_thread(place)
        page = OpenPage(order.public_id)
        await page.connect()
        await page.heard()
        for message in messages:
            await page.say(message)
        assert await page.closed_with() == code
        await page.leave()

    run(story())


def test_a_client_that_asks_for_another_orders_group_hears_nothing():
    async def story() -> None:
        mine, other = await in_thread(place), await in_thread(place)
        page = OpenPage(mine.public_id)
        await page.connect()
        await page.heard()
        await page.say(json.dumps({"subscribe": f"order.{other.number}"}))
        await in_thread(services.cancel_order, public_id=other.public_id, now=timezone.now())
        assert await page.hears_nothing()
        await page.leave()

    run(story())


def test_one_address_has_a_limit_of_sockets_and_gets_its_places_back(settings):
    settings.SOCKETS_PER_ADDRESS = 2

    async def story() -> None:
        order = await in_thread(place)
        pages = [OpenPage(order.public_id, address="192.0.2.7") for _ in range(3)]
        answers = [await page.connect() for page in pages]
        assert answers == [None, None, 4429]
        for page in pages[:2]:
            await page.leave()
        assert "192.0.2.7" not in consumers._sockets

    run(story())


def test_a_change_is_committed_although_redis_is_away(monkeypatch):
    monkeypatch.setattr("shop.courtesy.pause.until", float("inf"))
    order = place()
    services.cancel_order(public_id=order.public_id, now=timezone.now())
    assert status.read(order.public_id).body["state"] == "cancelled"


def test_a_stale_copy_in_the_cache_does_not_count_after_a_newer_version():
    order = place()
    status.read(order.public_id)
    stale = cache.get(status._cache_name(order.public_id))
    with transaction.atomic():
        tell(locked(order.number))
    cache.set(status._cache_name(order.public_id), stale)
    assert status.read(order.public_id, at_least=2).version == 2


def test_nothing_is_announced_when_the_change_is_rolled_back():
    order = place()
    with transaction.atomic():
        tell(locked(order.number))
        transaction.set_rollback(True)
    assert status.read(order.public_id).version == 1


def test_a_page_left_open_without_news_still_hears_the_next_one():
    async def story() -> None:
        order = await in_thread(place)
        page = OpenPage(order.public_id)
        await page.connect()
        await page.heard()
        await asyncio.sleep(6)  # redis-py ends an idle subscription after 5 s unless told not to
        await in_thread(services.cancel_order, public_id=order.public_id, now=timezone.now())
        assert (await page.heard())["version"] >= 2
        await page.leave()

    run(story())


def test_pages_that_hear_of_the_same_change_share_one_read(monkeypatch):
    read, asked = status.read, []

    def counted(public_id: str, **how: Any) -> status.Status:
        asked.append(public_id)
        return read(public_id, **how)

    async def story() -> None:
        order = await in_thread(place)
        monkeypatch.setattr(status, "read", counted)
        together = [consumers._read_together(order.public_id, order.version) for _ in range(20)]
        assert {found.version for found in await asyncio.gather(*together)} == {order.version}
        assert asked == [order.public_id]
        await consumers._read_together(order.public_id, order.version)
        assert len(asked) == 2  # nothing is kept: the next change is read anew

    run(story())


def test_hearing_of_a_change_costs_a_page_no_hop_to_a_thread(monkeypatch):
    hops = []

    async def counted() -> None:
        hops.append(True)

    async def story() -> None:
        order = await in_thread(place)
        page = OpenPage(order.public_id)
        await page.connect()
        await page.heard()
        monkeypatch.setattr("channels.consumer.aclose_old_connections", counted)
        await in_thread(services.cancel_order, public_id=order.public_id, now=timezone.now())
        while (await page.heard())["state"] != "cancelled":
            pass
        assert hops == []
        await page.say("anything")
        assert await page.hears_nothing()
        assert hops  # Channels' own way, which everything else still takes
        await page.leave()

    run(story())
