"""The funnel's table: every (state, role) against every outcome."""

import dataclasses
from datetime import timedelta
from itertools import product

import pytest
from django.db import transaction
from django.utils import timezone

from payments.gateways import base
from payments.models import Payment, PaymentIntent, Refund, ReviewCase
from payments.models.payment import Role, State
from payments.outcomes import ROWS, TABLE, Kind, Outcome
from payments.recording import record_outcome
from payments.references import new_reference
from shop.models import StateChange
from tests.payments.conftest import OWED

#: How a row gets from birth into each state.
ROADS = {
    State.CREATED: [],
    State.OPEN: ["open"],
    State.UNKNOWN: ["unknown"],
    State.SUPERSEDED: ["open", "superseded"],
    State.CAPTURED: ["captured"],
    State.SURPLUS: ["surplus"],
    State.DECLINED: ["declined"],
    State.CLOSED: ["closed"],
}
#: What each outcome makes of an attempt on which no money is booked yet.
UNPAID_BECOMES = {
    Kind.CAPTURED: "captured",
    Kind.DECLINED: "declined",
    Kind.CLOSED: "closed",
    Kind.ABSENT: "closed",
}


def row_in(state: State) -> Payment:
    now = timezone.now()
    intent = PaymentIntent.objects.create(
        order_reference=new_reference(now), amount_minor=OWED, currency="EUR", created_at=now
    )
    payment = Payment(
        reference=new_reference(now),
        intent=intent,
        gateway="sandbox",
        method="qr",
        amount_minor=OWED,
        currency="EUR",
        role=Role.LIVE,
        created_at=now,
        expires_at=now + timedelta(minutes=15),
        send_count=1,
    )
    for arrow in ROADS[state]:
        getattr(payment, f"mark_{arrow}")(now)
    if payment.has_money:
        payment.note_capture(
            amount_minor=OWED, currency="EUR", at=now, transaction_id=f"tx-{payment.reference}"
        )
    payment.save()
    return payment


def told(payment: Payment, kind: Kind, *, asked: int = 1) -> Outcome:
    capture = base.Capture(f"tx-{payment.reference}", OWED, "EUR", timezone.now())
    states = {Kind.CAPTURED: base.State.CAPTURED, Kind.AUTHORIZED: base.State.AUTHORIZED}
    snapshot = base.Snapshot(
        states.get(kind, base.State.PENDING),
        captures=[capture] if kind is Kind.CAPTURED else [],
    )
    return Outcome(kind, asked, None if kind is Kind.UNKNOWN else snapshot)


def expected(state: State, kind: Kind) -> str:
    if state in (State.CAPTURED, State.SURPLUS):
        return state  # nothing demotes a success
    if state in (State.DECLINED, State.CLOSED):
        return "captured" if kind is Kind.CAPTURED else state
    if kind in (Kind.PENDING, Kind.AUTHORIZED) and state in (State.CREATED, State.UNKNOWN):
        return "open"
    if kind is Kind.UNKNOWN and state is State.CREATED:
        return "unknown"
    return UNPAID_BECOMES.get(kind, state)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("state", "kind"), list(product(State, Kind)))
def test_every_state_against_every_outcome(state, kind):
    payment = row_in(state)
    before = StateChange.objects.count()
    row = record_outcome(
        reference=payment.reference,
        outcome=told(payment, kind),
        source="poll",
        now=timezone.now(),
    )
    assert row.state == expected(state, kind)
    assert Payment.objects.get(pk=payment.pk).state == row.state
    assert StateChange.objects.count() - before == (row.state != state)
    assert Refund.objects.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", [State.CREATED, State.OPEN, State.UNKNOWN, State.SUPERSEDED])
@pytest.mark.parametrize("kind", [Kind.DECLINED, Kind.CLOSED, Kind.ABSENT])
def test_a_verdict_asked_before_the_last_send_gives_nothing_up(state, kind):
    payment = row_in(state)
    row = record_outcome(
        reference=payment.reference,
        outcome=told(payment, kind, asked=0),
        source="poll",
        now=timezone.now(),
    )
    assert row.state == state
    assert row.next_poll_at is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", [State.CAPTURED, State.SURPLUS])
@pytest.mark.parametrize("kind", [Kind.DECLINED, Kind.ABSENT])
def test_a_gateway_that_contradicts_a_capture_is_for_a_person(state, kind):
    payment = row_in(state)
    outcome = told(payment, kind)
    record_outcome(reference=payment.reference, outcome=outcome, source="poll", now=timezone.now())
    assert ReviewCase.objects.get().subject == payment.reference


@pytest.mark.django_db(transaction=True)
def test_a_capture_that_was_sent_back_before_we_booked_it_settles_nothing():
    payment = row_in(State.OPEN)
    outcome = told(payment, Kind.CAPTURED)
    assert outcome.snapshot is not None
    capture = dataclasses.replace(outcome.snapshot.captures[0], refunded_minor=OWED)
    fact = base.RefundFact("OLD", capture.transaction_id, OWED, base.RefundState.DONE)
    shown = dataclasses.replace(outcome.snapshot, captures=[capture], refunds=[fact])
    row = record_outcome(
        reference=payment.reference,
        outcome=dataclasses.replace(outcome, snapshot=shown),
        source="poll",
        now=timezone.now(),
    )
    assert (row.state, row.refunded_minor, row.refund_pending_minor) == ("surplus", OWED, 0)
    assert [(r.kind, r.state) for r in Refund.objects.all()] == [("adopted", "done")]


def test_the_table_has_a_move_for_every_pair():
    assert len(TABLE) == len(ROWS) * len(Kind) == 64
    assert {state for state, _ in ROWS} == set(State)


@pytest.mark.django_db(transaction=True)
def test_history_cannot_be_rewritten():
    payment = row_in(State.OPEN)
    record_outcome(
        reference=payment.reference,
        outcome=told(payment, Kind.CAPTURED),
        source="poll",
        now=timezone.now(),
    )
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        StateChange.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_belongs_to_another_payment_is_for_a_person():
    first, second = row_in(State.OPEN), row_in(State.OPEN)
    paid = told(first, Kind.CAPTURED)
    for payment in (first, second):
        record_outcome(reference=payment.reference, outcome=paid, source="poll", now=timezone.now())
    assert [p.state for p in Payment.objects.order_by("id")] == ["captured", "open"]
    assert ReviewCase.objects.get().subject == second.reference
