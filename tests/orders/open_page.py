"""An open order page: its socket's end of the conversation, without a server between."""

from __future__ import annotations

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter

from orders.ws_urls import websocket_urlpatterns

ANSWERS_WITHIN_SECONDS = 3


class OpenPage:
    """Speaks ASGI's websocket protocol to the shop's socket of one order."""

    def __init__(self, public_id: str, *, address: str = "192.0.2.1") -> None:
        path = f"/ws/orders/{public_id}/"
        scope = {"type": "websocket", "path": path, "headers": [], "client": [address, 4711]}
        self._app = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)

    async def connect(self) -> int | None:
        """None when accepted, else the code of the refusal."""
        await self._app.send_input({"type": "websocket.connect"})
        answer = await self._app.receive_output(ANSWERS_WITHIN_SECONDS)
        return None if answer["type"] == "websocket.accept" else int(answer["code"])

    async def heard(self) -> dict[str, Any]:
        """The next thing that the shop says."""
        answer = await self._app.receive_output(ANSWERS_WITHIN_SECONDS)
        assert answer["type"] == "websocket.send", answer
        body: dict[str, Any] = json.loads(answer["text"])
        return body

    async def hears_nothing(self) -> bool:
        silent: bool = await self._app.receive_nothing(0.5)
        return silent

    async def say(self, text: str) -> None:
        await self._app.send_input({"type": "websocket.receive", "text": text})

    async def closed_with(self) -> int:
        """The code with which the shop ends the conversation."""
        answer = await self._app.receive_output(ANSWERS_WITHIN_SECONDS)
        assert answer["type"] == "websocket.close", answer
        return int(answer["code"])

    async def leave(self) -> None:
        await self._app.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._app.wait(ANSWERS_WITHIN_SECONDS)
