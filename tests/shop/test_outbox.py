"""No fact is lost: told at once, or by the relay until its subscriber has heard it."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from payments.models import PaymentIntent, ReviewCase
from shop import outbox
from shop.models import OutboxMessage, StateChange
from tests.orders.races import at_once
from tests.shop import listeners
from tests.shop.listeners import BellRang, heard

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND = "tests.shop.listeners.first", "tests.shop.listeners.second"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nobody_fails():
    listeners.failing.clear()
    yield
    listeners.failing.clear()


@pytest.fixture
def wired(settings):
    """Tell who hears the bell, and how: `wired(now=[...])`."""

    def wire(**kinds: list[str]) -> None:
        settings.OUTBOX_SUBSCRIBERS = {"BellRang": kinds}

    return wire


def ring(reference: str = "PO-1", times: int = 1) -> None:
    with transaction.atomic():
        for _ in range(times):
            outbox.publish(BellRang(reference, AT), now=timezone.now())


def relay(seconds: float = 1) -> int:
    return outbox.relay(now=timezone.now() + timedelta(seconds=seconds))


def test_who_hears_at_once_leaves_no_message(wired):
    wired(now=[FIRST], must=[SECOND])
    ring()
    assert (sorted(heard()), OutboxMessage.objects.count()) == (["PO-1", "PO-1"], 0)


def test_a_fact_needs_the_transaction_that_makes_it_true(wired):
    wired(now=[FIRST])
    with pytest.raises(RuntimeError, match="inside the transaction"):
        outbox.publish(BellRang("PO-1", AT), now=timezone.now())
    assert heard() == []


def test_a_failing_now_keeps_the_fact_and_the_relay_delivers_it(wired):
    wired(now=[FIRST, SECOND])
    listeners.failing.add("first")
    ring()
    assert heard() == heard("second") == ["PO-1"]
    kept = list(OutboxMessage.objects.values_list("subscriber", "tries", "last_error"))
    assert [message[:2] for message in kept] == [(FIRST, 1)]
    assert "first is broken" in kept[0][2]
    listeners.failing.clear()
    assert relay() == 1
    assert heard("first") == ["PO-1"]
    assert StateChange.objects.filter(source="first").get().at == AT


def test_a_failure_in_the_database_itself_keeps_the_fact_too(wired):
    wired(now=["tests.shop.listeners.spoil", SECOND])
    ring()
    assert heard("second") == ["PO-1"]
    assert OutboxMessage.objects.get().last_error == "database error"


def test_a_failing_must_undoes_the_fact(wired):
    wired(must=[FIRST], now=[SECOND], later=[SECOND])
    listeners.failing.add("first")
    with pytest.raises(RuntimeError, match="first is broken"):
        ring()
    assert (heard(), OutboxMessage.objects.count()) == ([], 0)


def test_a_fact_that_is_rolled_back_was_never_told(wired):
    wired(now=[FIRST], later=[SECOND])
    with transaction.atomic():
        outbox.publish(BellRang("PO-1", AT), now=timezone.now())
        transaction.set_rollback(True)
    assert (heard(), relay()) == ([], 0)


def test_a_lost_transaction_is_told_to_its_caller_and_not_to_the_relay(wired):
    wired(now=[FIRST])
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(DatabaseError):
            outbox.publish(BellRang("PO-1", AT), now=timezone.now())
    assert OutboxMessage.objects.count() == 0


def test_who_hears_later_hears_only_from_the_relay(wired):
    wired(later=[FIRST])
    ring()
    assert heard() == []
    assert relay() == 1
    assert heard() == ["PO-1"]
    assert relay(3600) == 0
    assert heard() == ["PO-1"]


def test_the_same_fact_published_twice_reaches_a_subscriber_once(wired):
    wired(later=[FIRST])
    ring(times=2)
    ring()
    assert OutboxMessage.objects.count() == 1
    relay()
    ring()
    assert relay(3600) == 0
    assert heard() == ["PO-1"]


def test_two_relays_at_once_deliver_each_message_once(wired):
    wired(later=[FIRST, SECOND])
    references = [f"PO-{number}" for number in range(20)]
    for reference in references:
        ring(reference)
    later = timezone.now() + timedelta(seconds=1)
    done = at_once([partial(outbox.relay, now=later, limit=5)] * 8)
    assert sum(done) == 40
    assert sorted(heard("first")) == sorted(heard("second")) == sorted(references)


def test_a_relay_takes_what_another_does_not_hold_and_waits_for_nobody(wired):
    wired(later=[FIRST])
    for number in range(6):
        ring(f"PO-{number}")
    claim = partial(outbox._claim, now=timezone.now() + timedelta(seconds=1))
    with transaction.atomic():
        mine = {message.order_reference for message in claim(limit=2)}
        (others,) = at_once([partial(claim, limit=10)])
    theirs = {message.order_reference for message in others}
    assert (len(mine), len(theirs), mine & theirs) == (2, 4, set())


def test_a_claim_takes_no_more_than_it_says_whatever_the_plan(wired):
    """A planner may repeat an inner question for each row of the outer one, and lock anew."""
    wired(later=[FIRST])
    for number in range(6):
        ring(f"PO-{number}")
    with transaction.atomic(), connection.cursor() as cursor:
        for way in ("hashjoin", "mergejoin", "material", "memoize", "hashagg", "sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        taken = outbox._claim(now=timezone.now() + timedelta(seconds=1), limit=2)
    assert len(taken) == 2


def test_a_message_that_another_relay_delivered_meanwhile_is_left_alone(wired):
    """Its lease ran out while it was being delivered: both hold it, one delivers."""
    wired(later=[FIRST])
    ring()
    now = timezone.now() + timedelta(seconds=1)
    (slow,) = outbox._claim(now=now, limit=1)
    (fast,) = outbox._claim(now=now + outbox.RELAY_LEASE, limit=1)
    assert outbox._deliver(fast, now=now)
    assert outbox._deliver(slow, now=now)
    assert heard() == ["PO-1"]


def test_a_message_held_by_a_dead_relay_comes_back_after_its_lease(wired):
    wired(later=[FIRST])
    ring()
    now = timezone.now() + timedelta(seconds=1)
    assert len(outbox._claim(now=now, limit=10)) == 1  # and the process dies
    assert outbox.relay(now=now + outbox.RELAY_LEASE / 2) == 0
    assert outbox.relay(now=now + outbox.RELAY_LEASE) == 1
    assert heard() == ["PO-1"]


def test_one_failing_message_does_not_keep_the_others(wired):
    wired(later=[FIRST, SECOND])
    listeners.failing.add("first")
    ring()
    assert relay() == 1
    assert (heard("first"), heard("second")) == ([], ["PO-1"])


def test_a_failing_message_is_tried_ever_more_seldom_and_then_shown_to_a_person(wired):
    wired(later=[FIRST])
    listeners.failing.add("first")
    ring()
    now, pauses = timezone.now(), []
    for _ in range(outbox.TRIES_BEFORE_REVIEW + 2):
        assert outbox.relay(now=now) == 0
        due = OutboxMessage.objects.get().next_try_at
        assert due is not None
        pauses.append((due - now).total_seconds())
        now = due
    assert pauses[:4] == [2, 4, 8, 16]
    assert max(pauses) == outbox.PAUSE_MAX.total_seconds()
    case = ReviewCase.objects.get()
    assert (case.kind, case.order_reference) == ("outbox_stuck", "PO-1")
    listeners.failing.clear()
    assert outbox.relay(now=now) == 1  # it was never given up
    assert heard() == ["PO-1"]


def test_the_relay_locks_the_intent_before_it_tells_anybody(wired):
    wired(later=["tests.shop.test_outbox.sees_the_lock"])
    PaymentIntent.objects.create(
        order_reference="PO-1", amount_minor=1, currency="EUR", created_at=timezone.now()
    )
    ring()
    assert relay() == 1


def sees_the_lock(fact: BellRang, *, now: datetime) -> None:
    intents = PaymentIntent.objects.select_for_update(skip_locked=True)
    free = at_once([lambda: _count(intents)])
    assert free == [0]


def _count(intents) -> int:
    with transaction.atomic():
        return len(intents)


def test_a_fact_that_is_true_again_is_heard_again_though_nobody_heard_it_at_once(wired):
    """Done, failed after all, done: the second "done" has the first one's name."""
    wired(now=[FIRST])
    for _ in range(2):
        listeners.failing.add("first")
        ring()
        listeners.failing.clear()
        assert relay() == 1
    assert heard() == ["PO-1", "PO-1"]
