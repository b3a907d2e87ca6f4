"""Operators' commands: each can be repeated, tries first with --dry-run, and speaks JSON."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from payments import breaker, inbox, refunding
from payments import services as payments
from payments.asking_refunds import Answer
from payments.gateways import base
from payments.gateways.base import RawRequest
from payments.models import Notification, Payment, Refund
from shop import doctor, heartbeat
from shop.models import IdempotencyKey, OutboxMessage, StateChange
from tests.payments.conftest import forget_adapters

pytestmark = pytest.mark.django_db


def run(*arguments: str):
    """What the command says with --json."""
    output = StringIO()
    call_command(*arguments, "--json", stdout=output)
    return json.loads(output.getvalue())


def paid(debt, bank) -> Payment:
    reference = debt.start("qr").payment.reference
    bank.pay(reference)
    payments.refresh_payment(reference=reference, now=timezone.now())
    return Payment.objects.get(reference=reference)


def failed_refund(debt, bank) -> Refund:
    payment = paid(debt, bank)
    view = payments.refund_payment(
        payment_reference=payment.reference,
        amount_minor=500,
        refunded_so_far_minor=0,
        reason="sent back",
        actor="ada",
        claim=None,
        now=timezone.now(),
    )
    no = base.RefundSnapshot(base.RefundState.FAILED, gateway_id="r-1")
    answer = Answer(no, "", timezone.now(), "query_refund", 1)
    refunding.record_refund(view.reference, answer, asked_state="sent")
    return Refund.objects.get(reference=view.reference)


@pytest.fixture
def own_adapters() -> Iterator[None]:
    """Adapters are kept for a process's life: this test's are nobody else's."""
    forget_adapters()
    yield
    forget_adapters()


class TestDoctor:
    def saw(self, check: str) -> list[doctor.Finding]:
        return [finding for finding in doctor.examine() if finding.check == check]

    def test_a_fit_installation_has_nothing_bad_but_its_quick_test_database(self, bank):
        heartbeat.beat("beat", now=timezone.now())
        bad = {f.check for f in doctor.examine() if f.level is doctor.Level.BAD}
        assert bad <= {"durability", "secrets"}  # a test database may skip fsync

    def test_a_silent_beat_a_silent_bank_and_an_open_migration_are_bad(self, bank_process):
        heartbeat.beat("beat", now=timezone.now() - timedelta(minutes=5))
        assert self.saw("heartbeats")[0].level is doctor.Level.BAD

    def test_a_gateway_that_is_left_alone_is_asked_all_the_same(self, bank, quick_breaker):
        for _ in range(3):
            breaker.breaker("sandbox").unanswered()
        assert breaker.is_down("sandbox")
        assert {finding.level for finding in self.saw("gateways")} == {doctor.Level.OK}

    def test_https_without_a_known_proxy_makes_everybody_one_address(self, settings):
        assert self.saw("proxies")[0].level is doctor.Level.OK
        settings.SECURE = True
        assert self.saw("proxies")[0].level is doctor.Level.WARN
        settings.TRUSTED_PROXIES = ["10.0.0.7"]
        assert self.saw("proxies")[0].level is doctor.Level.OK

    def test_a_gateway_without_an_answer_is_a_finding_and_not_the_end(self, bank):
        bank.faults(error_before=1.0)
        (finding,) = self.saw("gateways")
        assert finding.level is doctor.Level.BAD
        assert "no answer" in finding.saw

    def test_two_webhook_secrets_are_a_rotation_under_way(self, settings, own_adapters):
        sandbox = settings.PAYMENT_GATEWAYS["sandbox"]
        two = ("new-secret-0123456789", "old-secret-0123456789")
        told = {**sandbox, "options": {**sandbox["options"], "webhook_secrets": two}}
        settings.PAYMENT_GATEWAYS = {"sandbox": told}
        assert [f.level for f in self.saw("secrets")][-1] is doctor.Level.WARN

    def test_the_command_prints_json_and_fails_when_something_is_bad(self, bank_process):
        output = StringIO()
        with pytest.raises(SystemExit) as end:
            call_command("doctor", "--json", stdout=output)
        assert end.value.code == 1
        checks = {finding["check"] for finding in json.loads(output.getvalue())["findings"]}
        assert {"versions", "redis", "clock of the database", "migrations", "mails"} <= checks


class TestPayments:
    @pytest.mark.parametrize(
        "known_by",
        ["order", "payment", "payment in small letters", "refund", "gateway's refund",
         "transaction", "event"],
    )  # fmt: skip
    def test_any_reference_shows_the_whole_order(self, debt, bank, known_by):
        refund = failed_refund(debt, bank)
        payment = refund.payment
        note = RawRequest("POST", "/", "", *bank.notification(payment.reference))
        (event,) = inbox.receive("sandbox", note, now=timezone.now())
        reference = {
            "order": debt.reference,
            "payment": payment.reference,
            "payment in small letters": payment.reference.lower(),
            "refund": refund.reference,
            "gateway's refund": refund.gateway_refund_id,
            "transaction": payment.gateway_transaction_id,
            "event": Notification.objects.get(pk=event).notification_id,
        }[known_by]
        shown = run("payment_show", reference)
        assert shown["order_reference"] == debt.reference
        assert [p["state"] for p in shown["payments"]] == ["captured"]
        assert len(shown["timeline"]) > 3
        assert "client_token" not in json.dumps(shown)

    def test_what_an_operator_asked_is_told_apart_from_a_shopper_who_came_back(self, debt, bank):
        reference = debt.start("qr").payment.reference
        bank.pay(reference)
        run("payment_sync", reference)
        step = StateChange.objects.get(subject="payment", to_state="captured")
        assert (step.source, step.actor) == ("staff", "command line")

    def test_a_person_gets_lines(self, debt, bank, capsys):
        payment = paid(debt, bank)
        call_command("payment_show", payment.reference)
        assert "payments: 1" in capsys.readouterr().out

    @pytest.mark.parametrize("command", ["payment_show", "payment_sync", "refund_retry"])
    def test_a_strange_reference_is_told_plainly(self, command):
        with pytest.raises(CommandError, match="'nobody'"):
            call_command(command, "nobody")

    def test_sync_previews_then_records_and_repeats_nothing(self, debt, bank):
        bank.faults(lose_notification=1.0)
        reference = debt.start("qr").payment.reference
        bank.pay(reference)
        (preview,) = run("payment_sync", debt.reference, "--dry-run")["asked"]
        assert preview["would_change"] == "the payment is captured and pays the order"
        assert Payment.objects.get().state == "open"
        for was in ("open", "captured"):
            (asked,) = run("payment_sync", reference)["asked"]
            assert (asked["was"], asked["is"]) == (was, "captured")

    def test_sync_says_when_the_gateway_did_not_answer(self, debt, bank):
        reference = debt.start("qr").payment.reference
        bank.faults(error_before=1.0)
        (asked,) = run("payment_sync", reference)["asked"]
        assert (asked["is"], asked["no_answer"]) == ("open", "HTTP 500")


class TestOutbox:
    def stuck(self, reference: str = "PO-1", **changes) -> OutboxMessage:
        past = timezone.now() - timedelta(hours=1)
        told = {
            "topic": "PaymentEnded",
            "subscriber": "orders.subscribers.on_payment_ended",
            "dedupe_key": reference,
            "order_reference": reference,
            "payload": {"order_reference": reference, "payment": "X", "may_still_arrive": False},
            "created_at": past,
            "tries": 10,
            "next_try_at": timezone.now() + timedelta(hours=1),
            "last_error": "KeyError('x')",
            "stuck_at": past,
        }
        return OutboxMessage.objects.create(**(told | changes))

    def test_status_groups_what_waits(self):
        self.stuck()
        self.stuck("PO-2", stuck_at=None)
        status = run("outbox", "status")
        assert status["waiting"] == 2
        assert [(f["messages"], f["stuck"]) for f in status["facts"]] == [(2, 1)]

    def test_a_dry_run_delivers_nothing(self):
        self.stuck()
        assert run("outbox", "replay", "--dry-run")["waiting"] == 1
        assert OutboxMessage.objects.get().tries == 10

    def test_replay_tells_what_still_fails(self, transactional_db):
        self.stuck(subscriber="orders.subscribers.nobody", topic="OrderPaid")
        told = run("outbox", "replay", "--stuck")
        assert (told["tried"], told["delivered"], len(told["failing"])) == (1, 0, 1)

    def test_an_order_without_facts_is_told_plainly(self):
        with pytest.raises(CommandError, match="PO-9"):
            call_command("outbox", "status", "--order", "PO-9")


class TestPurge:
    def key(self, name: str, age: timedelta) -> None:
        at = timezone.now() - age
        IdempotencyKey.objects.create(
            scope="s", key=name, fingerprint="f", created_at=at, lease_until=at
        )

    def note(self, name: str, age: timedelta, *, processed: bool = True) -> None:
        at = timezone.now() - age
        Notification.objects.create(
            gateway="sandbox",
            notification_id=name,
            kind="payment.paid",
            body=b"{}",
            received_at=at,
            processed_at=at if processed else None,
        )

    def test_old_keys_go_and_promised_ones_stay(self):
        self.key("old", timedelta(hours=49))
        self.key("promised", timedelta(hours=47))
        assert run("purge", "--dry-run")["keys_to_delete"] == 1
        assert run("purge")["keys_deleted"] == 1
        assert run("purge")["keys_deleted"] == 0
        assert IdempotencyKey.objects.get().key == "promised"

    def test_old_bodies_are_emptied_and_their_rows_still_know_a_repeat(self):
        self.note("old", timedelta(days=91))
        self.note("new", timedelta(days=1))
        self.note("unprocessed", timedelta(days=91), processed=False)
        assert run("purge", "--dry-run")["bodies_to_empty"] == 1
        assert run("purge")["bodies_emptied"] == 1
        assert run("purge")["bodies_emptied"] == 0
        kept = {n.notification_id: bytes(n.body) for n in Notification.objects.all()}
        assert kept == {"old": b"", "new": b"{}", "unprocessed": b"{}"}

    def test_old_wishes_for_a_link_go_once_they_were_heard(self):
        before = timezone.now() - timedelta(days=3)
        for number, heard in ((1, before), (2, None)):
            OutboxMessage.objects.create(
                topic="LinkWanted",
                subscriber="orders.post.subscribers.tell_link",
                dedupe_key=str(number),
                order_reference="PO-00000-00000",
                payload={},
                created_at=before,
                done_at=heard,
            )
        assert run("purge", "--dry-run")["wishes_to_delete"] == 1
        assert run("purge")["wishes_deleted"] == 1
        assert OutboxMessage.objects.get().dedupe_key == "2"

    def test_it_goes_on_until_nothing_is_left(self, monkeypatch):
        from shop.management.commands import purge

        monkeypatch.setattr(purge, "BATCH", 2)
        for number in range(5):
            self.key(f"old-{number}", timedelta(days=3))
        assert run("purge")["keys_deleted"] == 5

    def test_no_days_are_no_number(self):
        with pytest.raises(CommandError, match="days"):
            call_command("purge", "--bodies-days", "0")
