"""What /metrics tells: the database's figures at the moment of the scrape, and what we counted."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from payments import inbox, sweeping
from payments import services as payments
from payments.gateways.base import RawRequest
from payments.models.desk import ReviewKind
from payments.reviews import open_case
from shop import figures, heartbeat, tasks

pytestmark = pytest.mark.django_db


def scraped(client) -> dict[str, float]:
    """Every sample without labels but `kind`, by name."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    found = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            kind = sample.labels.get("kind", "")
            found[f"{sample.name}{{{kind}}}" if kind else sample.name] = sample.value
    return found


def test_a_quiet_shop_has_zeros_and_no_heartbeat(client):
    found = scraped(client)
    assert found["payonce_figures_up"] == 1
    assert found["payonce_payments_in_doubt"] == 0
    assert found["payonce_outbox_oldest_seconds"] == 0
    assert found["payonce_beat_age_seconds"] == float("inf")


def test_a_payment_in_doubt_and_its_age_are_told(debt, bank, client):
    bank.faults(error_before=1.0)
    debt.start("qr", now=timezone.now() - timedelta(seconds=90))
    found = scraped(client)
    assert found["payonce_payments_in_doubt"] == 1
    assert 89 < found["payonce_payments_in_doubt_oldest_seconds"] < 120


def test_open_cases_are_counted_by_kind_and_kinds_without_any_are_zero(client):
    past = timezone.now() - timedelta(hours=1)
    open_case(ReviewKind.DISPUTE, subject="x", order_reference="", now=past)
    found = scraped(client)
    assert found["payonce_review_cases_open{dispute}"] == 1
    assert found["payonce_review_cases_oldest_seconds{dispute}"] > 3500
    assert {f"payonce_review_cases_open{{{kind}}}" for kind in ReviewKind.values} <= set(found)


def test_a_refund_that_waits_for_a_person_and_its_age_are_told(debt, bank, client, settings):
    settings.REFUND_APPROVAL_LIMIT_MINOR = {"EUR": 1}
    reference = debt.start("qr").payment.reference
    bank.pay(reference)
    payments.refresh_payment(reference=reference, now=timezone.now())
    payments.refund_payment(
        payment_reference=reference,
        amount_minor=500,
        refunded_so_far_minor=0,
        reason="x",
        actor="ada",
        claim=None,
        now=timezone.now() - timedelta(hours=2),
    )
    found = scraped(client)
    assert (found["payonce_refunds_waiting"], found["payonce_refunds_pending"]) == (1, 0)
    assert 7190 < found["payonce_refunds_waiting_oldest_seconds"] < 7300


def test_the_heartbeat_goes_through_a_worker(client):
    tasks.beat_heartbeat()
    assert scraped(client)["payonce_beat_age_seconds"] < 5


def test_a_late_tick_does_not_turn_the_clock_back():
    now = timezone.now()
    heartbeat.beat("beat", now=now)
    heartbeat.beat("beat", now=now - timedelta(minutes=5))
    assert heartbeat.age("beat", now=now) == timedelta(0)


def test_a_database_that_does_not_answer_is_told_and_nothing_is_made_up(client, settings):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_heartbeat RENAME TO gone")
    found = scraped(client)
    assert found["payonce_figures_up"] == 0
    assert "payonce_payments_in_doubt" not in found


def test_a_capture_that_nobody_told_of_counts_for_whoever_found_it(debt, bank, figure):
    bank.faults(lose_notification=1.0)
    reference = debt.start("qr").payment.reference
    bank.pay(reference)
    payments.refresh_payment(reference=reference, now=timezone.now())
    assert figure("payonce_rescued_total", by="return") == 1
    assert figure("payonce_captures_total", gateway="sandbox", role="settling") == 1
    other = type(debt)("PO-TEST-2").start("redirect").payment.reference
    bank.pay(other)
    sweeping.sweep(now=timezone.now() + timedelta(minutes=1))
    assert figure("payonce_rescued_total", by="sweep") == 1
    assert figure("payonce_polls_total", by="sweep") >= 1


def test_a_notification_is_no_rescue_and_its_repeat_is_stopped(debt, bank, figure):
    reference = debt.start("qr").payment.reference
    bank.pay(reference)
    headers, body = bank.notification(reference)
    told = RawRequest("POST", "/webhooks/sandbox/", "", headers, body)
    for note in inbox.receive("sandbox", told, now=timezone.now()):
        inbox.process(note, now=timezone.now())
    assert inbox.receive("sandbox", told, now=timezone.now()) == []
    assert figure("payonce_rescued_total", by="return") == 0
    assert figure("payonce_duplicates_stopped_total", what="notification") == 1
    assert figure("payonce_callback_seconds_count", gateway="sandbox") == 1


def test_a_second_click_is_a_duplicate_stopped(debt, bank, figure):
    debt.start("qr")
    debt.start("qr")
    assert figure("payonce_duplicates_stopped_total", what="start") == 1


def test_calls_to_the_gateway_are_timed_and_classed(debt, bank, figure):
    debt.start("qr")
    bank.faults(error_before=1.0)
    type(debt)("PO-TEST-2").start("qr")
    labels = {"gateway": "sandbox", "operation": "create"}
    assert figure("payonce_gateway_answers_total", answer="answered", **labels) == 1
    assert figure("payonce_gateway_answers_total", answer="unknown", **labels) == 1
    assert figure("payonce_gateway_seconds_count", **labels) == 2


def test_with_a_token_only_who_knows_it_reads_the_figures(client, settings):
    settings.METRICS_TOKEN = "a-long-token-for-prometheus"
    assert client.get("/metrics").status_code == 403
    told = {"Authorization": "Bearer a-long-token-for-prometheus"}
    assert client.get("/metrics", headers=told).status_code == 200


def test_names_are_told_without_asking_the_database():
    with connection.execute_wrapper(lambda *_: pytest.fail("the database was asked")):
        assert {m.name for m in figures.Figures().describe()} >= {"payonce_lock_waits"}
    assert b"python_info" in generate_latest()
