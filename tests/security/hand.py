"""An attacker's hand: requests as programs and browsers send them, and worse."""

from __future__ import annotations

import json
import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

from tests.factories import new_key

#: What differs between two showings of the same page: the mask of the form's token, and the
#: asked address in the hidden field of the language form.
OWN = re.compile(rb'(csrfmiddlewaretoken|name="next") ?[^>]*value="[^"]*"')


def send(client: Client, path: str, body: Any = None, *, key: str = "", **more: Any) -> Any:
    """POST JSON with an idempotency key, as a program does."""
    data = body if isinstance(body, (bytes, str)) else json.dumps(body or {})
    headers = {"Idempotency-Key": key or new_key()} | more.pop("headers", {})
    content_type = more.pop("content_type", "application/json")
    return client.post(path, data, content_type=content_type, headers=headers, **more)


def same_page(answer: HttpResponse) -> bytes:
    """The page without what is new on each showing."""
    return OWN.sub(b"", answer.content)


def kind(answer: Any) -> tuple[int, str]:
    """The status and the last word of the problem's type."""
    return answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]
