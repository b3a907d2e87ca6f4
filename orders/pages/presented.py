"""How the live payment can be made right now: by kind of presentation, never by gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from payments import services as payments
from payments.services import PaymentView

WEB = ("http", "https")


@dataclass(frozen=True)
class Presented:
    """The presentation of one payment; everything is empty when there is none."""

    kind: str
    content: dict[str, Any]
    expires_at: datetime | None
    frame_url: str
    frame_origins: tuple[str, ...]
    now: datetime

    @property
    def template(self) -> str:
        return f"shopper/present/{self.kind}.html"

    @property
    def seconds_left(self) -> int:
        """How long it can still be paid."""
        if self.expires_at is None:
            return 0
        return max(0, int((self.expires_at - self.now).total_seconds()))

    @property
    def bank_url(self) -> str:
        """The bank's own page, where the shopper confirms there."""
        address = str(self.content.get("url", "")) if self.kind == "redirect" else ""
        return address if urlsplit(address).scheme in WEB else ""

    @property
    def code_is_link(self) -> bool:
        return urlsplit(str(self.content.get("text", ""))).scheme in WEB

    @property
    def form_origin(self) -> str:
        """Where the page's own form may lead, for a bank that wants a POST."""
        if self.kind != "form_post":
            return ""
        parts = urlsplit(self.content["url"])
        return f"{parts.scheme}://{parts.netloc}"


def present(live: PaymentView | None, *, now: datetime) -> Presented:
    """The live payment's presentation, and the frame that its kind may need."""
    content = (live.presentation or {}) if live else {}
    frame_url = payments.frame_url(payment=live) if live and content else ""
    return Presented(
        kind=content.get("kind", ""),
        content=content,
        expires_at=live.expires_at if live else None,
        frame_url=frame_url,
        frame_origins=payments.frame_origins(method=live.method) if live and frame_url else (),
        now=now,
    )
