"""The notification inbox: what came and what became of it; replay moves nothing twice."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from payments import health, inbox
from payments.gateways.base import RawRequest
from payments.models import GatewayHealth, Notification, Payment, ReviewCase
from shop.models import StaffAction, StateChange
from tests.desk.people import at_the_desk, person, text_of
from tests.factories import place
from tests.orders.story import paid_order, pay
from tests.statements import counted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(db: None) -> Any:
    return person("ada", "replay_notification")


def deliver(bank: Any, reference: str, kind: str = "payment.paid") -> Notification:
    headers, body = bank.notification(reference, kind)
    raw = RawRequest("POST", "/", "", headers, body)
    (stored,) = inbox.receive("sandbox", raw, now=timezone.now())
    return Notification.objects.get(pk=stored)


def replay(client: Any, *notes: Notification) -> Any:
    chosen = {"notification": [str(note.pk) for note in notes]}
    return client.post(reverse("desk:inbox-replay"), chosen)


def orphaned(bank: Any) -> Notification:
    note = deliver(bank, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    for _ in range(inbox.TRIES_BEFORE_ORPHAN):
        inbox.process(note.pk, now=timezone.now())
    note.refresh_from_db()
    assert note.result == "orphan"
    return note


def test_the_inbox_tells_what_came_and_what_became_of_it(bank, ada):
    paid_order(bank)
    note = deliver(bank, Payment.objects.get().reference)
    inbox.process(note.pk, now=timezone.now())
    page = text_of(at_the_desk(ada).get(reverse("desk:inbox")))
    for told in (note.notification_id, "asked after 1 try", "1 received and verified"):
        assert told in page
    for empty in ("waiting", "failed", "parked"):
        where = reverse("desk:inbox") + f"?state={empty}"
        assert note.notification_id not in text_of(at_the_desk(ada).get(where))


def test_replaying_a_followed_notification_moves_nothing_and_is_on_record(bank, ada):
    order = paid_order(bank)
    note = deliver(bank, Payment.objects.get().reference)
    inbox.process(note.pk, now=timezone.now())
    steps = StateChange.objects.exclude(subject="call").count()
    for _ in range(2):
        assert replay(at_the_desk(ada), note).status_code == 302
    note.refresh_from_db()
    assert (note.result, note.processed_at is None) == ("asked", False)
    assert StateChange.objects.exclude(subject="call").count() == steps
    assert len(bank.ledger()) == 1
    acts = StaffAction.objects.values_list("action", "order_reference").distinct()
    assert list(acts) == [("replay_notification", order.number)]


def test_orphans_are_a_list_of_their_own_and_a_replay_comes_back_to_it(bank, ada):
    lost = orphaned(bank)
    client = at_the_desk(ada)
    page = text_of(client.get(reverse("desk:inbox") + "?state=orphan"))
    assert lost.notification_id in page
    assert "1 orphaned" in page
    answer = client.post(
        reverse("desk:inbox-replay"), {"notification": [str(lost.pk)], "state": "orphan"}
    )
    assert answer["Location"] == reverse("desk:inbox") + "?state=orphan"
    junk = client.post(reverse("desk:inbox-replay"), {"notification": ["1"], "state": "//x"})
    assert junk["Location"] == reverse("desk:inbox")


def test_a_notification_that_found_no_payment_is_followed_again_when_there_is_one(bank, ada):
    bank.faults(lose_notification=1.0)
    payment = pay(place()).payment
    bank.pay(payment.reference)
    note = deliver(bank, payment.reference)
    Notification.objects.filter(pk=note.pk).update(result="orphan", processed_at=timezone.now())
    replay(at_the_desk(ada), note)
    assert Payment.objects.get().state == "captured"


def test_without_the_right_nothing_is_replayed(bank):
    note = deliver(bank, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert replay(at_the_desk(person("clerk")), note).status_code == 403
    page = text_of(at_the_desk(person("looker")).get(reverse("desk:inbox")))
    assert "Replay the chosen" not in page
    note.refresh_from_db()
    assert note.tries == 0


@pytest.mark.parametrize("junk", [[], ["x"], ["9" * 30], ["1"] * 51])
def test_junk_is_refused(ada, junk):
    told = {"notification": junk}
    assert at_the_desk(ada).post(reverse("desk:inbox-replay"), told).status_code == 400


# --- health --------------------------------------------------------------------------------------


def test_refused_deliveries_are_counted_and_nothing_of_them_is_kept(client, ada):
    for _ in range(3):
        answer = client.post(
            "/webhooks/sandbox/", b'{"secret": 1}', content_type="application/json"
        )
        assert answer.status_code == 401
    (found,) = GatewayHealth.objects.all()
    assert (found.refused, found.last_refused_why) == (3, "bad signature")
    page = text_of(at_the_desk(ada).get(reverse("desk:inbox")))
    assert "bad signature" in page
    assert not Notification.objects.exists()


def test_captures_found_without_a_notification_are_counted_as_rescued(bank):
    paid_order(bank)
    (found,) = health.health_of_all(now=timezone.now() + timedelta(seconds=1))
    assert (found.captures, found.rescued, found.rescued_total) == (1, {"return": 1}, 1)


def test_silence_is_told_only_when_money_came_and_nobody_called(bank, settings, ada):
    now = timezone.now()
    later = now + timedelta(seconds=settings.SILENCE_SECONDS + 60)
    assert not health.health_of_all(now=later)[0].is_silent
    paid_order(bank)
    assert not health.health_of_all(now=now)[0].is_silent
    assert health.health_of_all(now=later)[0].is_silent
    deliver(bank, Payment.objects.get().reference)
    assert not health.health_of_all(now=later)[0].is_silent


def test_where_a_gateway_called_just_now_no_capture_is_looked_for(bank):
    paid_order(bank)
    with counted() as cost:
        assert not health.is_silent("sandbox", timezone.now(), now=timezone.now())
    assert cost.queries == 0


# --- the command ---------------------------------------------------------------------------------


def command(*words: str) -> Any:
    out = StringIO()
    call_command("notification_replay", "--json", *words, stdout=out)
    return json.loads(out.getvalue())


def test_the_command_names_replays_and_can_be_repeated(bank):
    note = orphaned(bank)
    dry = command("--parked", "--dry-run")
    assert dry == {"replayed": 0, "notifications": {note.notification_id: ""}}
    assert command("--parked")["notifications"] == {note.notification_id: "parked"}
    assert command(note.notification_id)["replayed"] == 1
    assert ReviewCase.objects.count() == 1


@pytest.mark.parametrize("words", [[], ["nothing-1"], ["nothing-1", "--parked"]])
def test_the_command_says_what_is_wrong(db, words):
    with pytest.raises(CommandError):
        command(*words)
