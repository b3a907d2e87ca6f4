"""Sockets from other sites, and sockets for orders that are not there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings as shop

from shop.asgi import application
from tests.factories import place

pytestmark = pytest.mark.django_db(transaction=True)

OURS = shop.SHOP_URL
#: What an open page is told: nothing that is not on it already, and nobody's name.
FRAME = {
    "public_id", "state", "version", "total_minor", "currency", "expires_at", "cancel_wanted"
}  # fmt: skip
FOREIGN = {
    "missing": None,
    "null": "null",
    "empty": "",
    "another site": "https://evil.example",
    "ours in front": f"{OURS}.evil.example",
    "ours as a user": f"{OURS}@evil.example",
    "another port": "http://127.0.0.1:1",
    "another scheme": OURS.replace("http:", "https:"),
    "junk": "\x00//[",
}


def socket(
    public_id: str, origin: str | None, address: str = "192.0.2.7"
) -> ApplicationCommunicator:
    headers = [] if origin is None else [(b"origin", origin.encode())]
    scope = {
        "type": "websocket",
        "path": f"/ws/orders/{public_id}/",
        "headers": headers,
        "client": [address, 4711],
        "subprotocols": [],
        "query_string": b"",
    }
    return ApplicationCommunicator(application, scope)


async def first_answer(page: ApplicationCommunicator) -> Any:
    await page.send_input({"type": "websocket.connect"})
    answer = await page.receive_output(15)
    if answer["type"] == "websocket.close":
        assert await page.receive_nothing(0.05)
    else:
        await page.send_input({"type": "websocket.disconnect", "code": 1000})
        await page.wait(15)
    return answer


def run(story: Any) -> Any:
    return asyncio.run(asyncio.wait_for(story, 60))


@pytest.mark.parametrize("name", FOREIGN)
def test_another_sites_script_hears_nothing(name, security_log):
    async def story() -> Any:
        order = await database_sync_to_async(place)()
        return await first_answer(socket(order.public_id, FOREIGN[name]))

    assert run(story())["type"] == "websocket.close"
    assert security_log.has_one_line("evil", "ws/orders")


def test_our_own_page_is_let_in(security_log):
    async def story() -> Any:
        order = await database_sync_to_async(place)()
        return await first_answer(socket(order.public_id, OURS))

    assert run(story())["type"] == "websocket.accept"
    assert security_log.lines == []


def test_guesses_at_sockets_are_counted_like_guesses_at_pages(settings, guest, security_log):
    settings.LOOKUP_MISSES_PER_MINUTE = 5

    async def story() -> list[int]:
        order = await database_sync_to_async(place)()
        codes = []
        for wrong in range(8):
            answer = await first_answer(socket(f"{wrong:024}", OURS))
            codes.append(answer["code"])
        right = await first_answer(socket(order.public_id, OURS))
        assert right["type"] == "websocket.accept"
        return codes

    assert run(story()) == [4404] * 5 + [4429] * 3
    assert len(security_log.lines) == 8
    assert guest.get(f"/orders/{'x' * 24}/", REMOTE_ADDR="192.0.2.7").status_code == 429


def test_a_frame_tells_the_state_and_nobodys_name():
    async def story() -> Any:
        order = await database_sync_to_async(place)()
        page = socket(order.public_id, OURS)
        await page.send_input({"type": "websocket.connect"})
        await page.receive_output(15)
        frame = await page.receive_output(15)
        await page.send_input({"type": "websocket.disconnect", "code": 1000})
        await page.wait(15)
        return order, frame["text"]

    order, text = run(story())
    assert set(json.loads(text)) <= FRAME
    assert order.email
    assert order.email not in text
