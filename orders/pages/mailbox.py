"""Every mail that the demo has sent, on a page: the demo writes them into a folder.

Elsewhere there is no such page: a mail holds the key to its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from orders.pages.browser import private

SHOWN_MAX = 50
#: What Django's file backend writes behind each mail.
SEPARATOR = b"\n" + b"-" * 79 + b"\n"


@dataclass(frozen=True)
class Letter:
    """A mail as its receiver would read it."""

    subject: str
    to: str
    at: datetime
    text: str
    papers: list[str]


@private
@require_safe
def demo_mails(request: HttpRequest) -> HttpResponse:
    """The newest mails of the demo; absent everywhere else."""
    if not settings.MAILS_SHOWN_FROM:
        raise Http404
    return render(request, "shopper/mails.html", {"mails": _newest(settings.MAILS_SHOWN_FROM)})


def _newest(folder: str) -> list[Letter]:
    files = sorted(Path(folder).glob("*.log"), key=lambda file: file.stat().st_mtime_ns)
    found = [
        _letter(written)
        for file in files[-SHOWN_MAX:]
        for written in file.read_bytes().split(SEPARATOR)
        if written.strip()
    ]
    return found[::-1][:SHOWN_MAX]


def _letter(written: bytes) -> Letter:
    message = message_from_bytes(written, policy=policy.default)
    body = message.get_body(preferencelist=("plain",))
    return Letter(
        subject=str(message["Subject"]),
        to=str(message["To"]),
        at=parsedate_to_datetime(str(message["Date"])),
        text=body.get_content() if body else "",
        papers=[str(paper.get_filename()) for paper in message.iter_attachments()],
    )
