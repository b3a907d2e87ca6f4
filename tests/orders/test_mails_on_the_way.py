"""A mail's way out: a server that is away or says no, a sender that dies, a folder, a log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from orders.models import Mail, Occasion
from orders.pages.mailbox import SEPARATOR
from orders.post import letters, sending
from orders.services import Shopper
from payments.models import ReviewCase
from shop import outbox
from tests.factories import ProductFactory, place
from tests.orders.letterbox import deliver
from tests.orders.mail_server import MailServer
from tests.orders.races import at_once
from tests.orders.story import paid_order
from tests.stack import ROOT, database_url_of_tests

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY_LISTENS = 9


@pytest.fixture
def server(settings) -> Iterator[MailServer]:
    with MailServer().running() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_TIMEOUT = 2
        yield running


def written() -> None:
    outbox.relay(now=timezone.now())


# --- a server that is away, or says no ----------------------------------------------------------


def test_a_receipt_arrives_whole(bank, server):
    order = paid_order(bank)
    assert deliver() == 2
    receipt = next(m for m in server.taken if "Paid" in m["Subject"])
    assert (receipt["To"], receipt["Auto-Submitted"]) == ("ada@example.com", "auto-generated")
    assert receipt["Message-ID"] == f"<{order.number}.paid@payonce.example>".lower()
    parts = [part.get_content_type() for part in receipt.walk()]
    assert parts[2:] == ["text/plain", "text/html", "application/pdf"]


def test_mails_wait_while_the_server_is_away_and_go_out_once_when_it_is_back(server, settings):
    for _ in range(3):
        place()
    settings.EMAIL_PORT = NOBODY_LISTENS
    assert deliver() == 0
    assert sorted(Mail.objects.values_list("tries", flat=True)) == [0, 0, 1]
    assert Mail.objects.exclude(last_error="").get().last_error == "ConnectionRefusedError"
    settings.EMAIL_PORT = server.port
    assert deliver(60) == 3
    assert deliver(3600) == 0
    assert len({m["Message-ID"] for m in server.taken}) == len(server.taken) == 3


def test_a_server_that_hangs_up_after_taking_a_mail_gets_it_again_with_the_same_id(server):
    place()
    server.hangs_up_after_data = True
    assert deliver() == 0
    server.hangs_up_after_data = False
    assert deliver(60) == 1
    first, second = server.taken
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(
    ("verb", "answer", "error"),
    [
        ("RCPT", "550 no such user ada@example.com", "recipient refused [550]"),
        ("DATA", "554 we do not like this", "content refused 554"),
    ],
)
def test_a_final_no_is_not_tried_again_and_other_mails_go_out(server, verb, answer, error):
    place()
    server.answers[verb] = answer
    assert deliver() == 0
    del server.answers[verb]
    place()
    assert deliver(7200) == 1
    refused = Mail.objects.get(sent_at=None)
    assert (refused.next_try_at, refused.last_error) == (None, error)


@pytest.mark.parametrize(("verb", "answer"), [("RCPT", "451 later"), ("DATA", "452 full")])
def test_not_now_is_tried_again(server, verb, answer):
    place()
    server.answers[verb] = answer
    assert deliver() == 0
    del server.answers[verb]
    assert (deliver(), deliver(60)) == (0, 1)


def test_after_many_tries_a_person_is_told_once(server, settings):
    place()
    written()
    settings.EMAIL_PORT = NOBODY_LISTENS
    now = timezone.now()
    for _ in range(sending.TRIES_BEFORE_REVIEW + 3):
        now += timedelta(hours=2)
        sending.send_mails(now=now)
    case = ReviewCase.objects.get()
    assert case.subject.startswith("Mail ")
    assert "example.com" not in case.subject


def test_a_mail_older_than_three_days_surprises_nobody(server):
    place()
    written()
    late = timezone.now() + sending.WORTH_SENDING + timedelta(seconds=1)
    assert sending.send_mails(now=late) == 0
    assert (server.taken, Mail.objects.get().last_error) == ([], "too old")
    assert Mail.objects.get().next_try_at is None


def test_a_mail_that_cannot_be_written_holds_up_no_other(monkeypatch, server):
    place()
    place()
    written()
    broken = Mail.objects.order_by("pk").first()
    assert broken is not None
    write = letters.WRITERS[Occasion.PLACED]

    def breaks_on_one(mail: Mail) -> letters.Letter:
        if mail.pk == broken.pk:
            raise ValueError("a mistake of ours")
        return write(mail)

    monkeypatch.setitem(letters.WRITERS, Occasion.PLACED, breaks_on_one)
    assert sending.send_mails(now=timezone.now()) == 1
    broken.refresh_from_db()
    assert (broken.sent_at, broken.last_error) == (None, "ValueError")


def test_four_senders_at_once_send_each_mail_once(server):
    for _ in range(8):
        place()
    written()
    now = timezone.now()
    assert sum(at_once([partial(sending.send_mails, now=now)] * 4)) == 8
    assert len({m["Message-ID"] for m in server.taken}) == len(server.taken) == 8


def test_the_only_receiver_is_the_orders_own(server):
    place(shopper=Shopper("ada@example.com", "en", {"name": "Ada\r\nBcc: eve@example.com"}))
    deliver()
    assert server.receivers == ["ada@example.com"]


# --- a sender that dies -------------------------------------------------------------------------


def sweep(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """One pass of `manage.py sweep` as a process of its own, mails into a folder."""
    env = {
        **os.environ,
        "DATABASE_URL": database_url_of_tests(),
        "EMAIL_URL": f"filemail:///{folder}",
        "LOG_LEVEL": "INFO",
        **more,
    }
    return subprocess.run(
        [sys.executable, "manage.py", "sweep"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def mails_in(folder: Path) -> list[EmailMessage]:
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns)
    parts = [part for file in files for part in file.read_bytes().split(SEPARATOR)]
    return [message_from_bytes(part, policy=policy.default) for part in parts if part.strip()]


def test_a_sender_killed_between_sending_and_marking_sends_again_under_the_same_id(tmp_path):
    place()
    assert sweep(tmp_path, FAILPOINT="post.sent").returncode == -signal.SIGKILL
    mail = Mail.objects.get()
    assert mail.sent_at is None
    assert sweep(tmp_path).returncode == 0
    assert len(mails_in(tmp_path)) == 1  # the dead sender's lease holds
    Mail.objects.update(next_try_at=timezone.now())
    assert sweep(tmp_path).returncode == 0
    assert sweep(tmp_path).returncode == 0
    ids = [m["Message-ID"] for m in mails_in(tmp_path)]
    assert ids == [mail.message_id] * 2
    assert Mail.objects.get().sent_at is not None


def test_no_log_names_a_person_or_the_key_to_an_order(tmp_path):
    order = place(shopper=Shopper("canary.ada@example.com", "en", {"name": "Canary Lovelace"}))
    done = sweep(tmp_path)
    assert "post.sent" in done.stdout + done.stderr
    for secret in ("canary", "Canary", order.public_id):
        assert secret not in done.stdout + done.stderr


# --- the demo's folder --------------------------------------------------------------------------


def test_the_demo_shows_its_mails_and_runs_nothing_that_is_in_them(tmp_path, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = settings.MAILS_SHOWN_FROM = str(tmp_path)
    order = place((ProductFactory(title="<script>alert(1)</script>"), 1))
    call_command("sweep", verbosity=0)
    page = Client().get("/demo/mails/").content.decode()
    assert f"Your order {order.number}" in page
    assert f"/orders/{order.public_id}/" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page


def test_an_empty_folder_is_a_page_too_and_without_the_demo_there_is_none(tmp_path, settings):
    settings.MAILS_SHOWN_FROM = str(tmp_path / "not made yet")
    assert "No mail has been written yet." in Client().get("/demo/mails/").content.decode()
    settings.MAILS_SHOWN_FROM = ""
    assert Client().get("/demo/mails/").status_code == 404
