"""The end of every story: faults stop, time passes, the workers work; then the books add up."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import connection, transaction

from payments.gateways import base
from payments.models import Refund
from shop.audit import checks, ledger
from tests.stateful import hearing
from tests.stateful.clock import BEGINNING
from tests.stateful.gateway import SCRIPT

if TYPE_CHECKING:
    from tests.stateful.promises import Promises
    from tests.stateful.shop import Shop

#: Far more than any honest story needs; more is a thing that never ends.
ROUNDS_MAX = 60
UNFINISHED = """
    SELECT 'order ' || number FROM orders_order WHERE state IN ('unpaid', 'paying')
    UNION ALL SELECT 'payment ' || reference || ' ' || state FROM payments_payment
        WHERE state IN ('created', 'open', 'unknown', 'superseded')
    UNION ALL SELECT 'refund ' || reference || ' ' || state FROM payments_refund
        WHERE state IN ('requested', 'approved', 'sent', 'pending')
    UNION ALL SELECT 'refund ' || subject || ' failed' FROM payments_reviewcase
        WHERE kind = 'refund_failed' AND resolved_at IS NULL
    UNION ALL SELECT 'fact ' || topic FROM shop_outboxmessage WHERE done_at IS NULL
    UNION ALL SELECT 'notification ' || notification_id FROM payments_notification
        WHERE processed_at IS NULL
"""
NEXT = """
    SELECT min(at) FROM (
        SELECT next_poll_at AS at FROM payments_payment
        UNION ALL SELECT next_poll_at FROM payments_refund
        UNION ALL SELECT next_try_at FROM payments_notification WHERE processed_at IS NULL
        UNION ALL SELECT next_try_at FROM shop_outboxmessage WHERE done_at IS NULL
        UNION ALL SELECT least(next_close_at, next_check_at) FROM orders_order
            WHERE state IN ('unpaid', 'paying')) due
"""


def come_to_rest(shop: Shop, promises: Promises) -> None:
    """Nothing is stuck, and every invariant of the audit holds against the bank's books."""
    faults_stop(shop)
    for _ in range(ROUNDS_MAX):
        one_round(shop)
        promises.check()
        left = unfinished()
        if not left:
            break
        wait_for_what_is_due(shop)
    else:
        raise AssertionError(f"never ends: {left}")
    shop.reconcile()
    one_round(shop)
    promises.check()
    first = BEGINNING.date()
    with transaction.atomic():
        ledger.load(ledger.read(first, shop.now.date() + timedelta(days=1)), first=first)
        violations = checks.check(all_at_rest=True)
    assert violations == [], [f"{v.invariant} {v.subject} {v.detail}" for v in violations]
    assert shop.troubles == []


def faults_stop(shop: Shop) -> None:
    hearing.Trouble.left = 0
    bank = SCRIPT.bank
    bank.refund_verdict, bank.next_card_is_refused = base.RefundState.DONE, False
    bank.deliver_late_requests()
    for account in bank.accounts.values():
        if account.in_process:
            bank.money_lands(account)


def one_round(shop: Shop) -> None:
    bank = SCRIPT.bank
    for back in bank.refunds.values():
        if back.state is base.RefundState.PENDING:
            bank.decide(back, base.RefundState.DONE)
    while bank.events:
        shop.hears(bank.events.pop(0))
    staff_clear_their_desk(shop)
    shop.sweep_orders()
    shop.sweep()
    shop.relay()
    shop.reconcile()


def staff_clear_their_desk(shop: Shop) -> None:
    """A second person decides what waits; what failed is sent once more, if it is still due."""
    for refund in Refund.objects.filter(state="requested"):
        shop.does(partial(shop.approve, refund.reference, refund.amount_minor))
    for refund in Refund.objects.select_related("payment").filter(state="failed"):
        payment = refund.payment
        seen_minor = payment.refunded_minor + payment.refund_pending_minor
        # Somebody may have sent the same money back by another refund meanwhile.
        due_minor = min(refund.amount_minor, payment.captured_minor - seen_minor)
        if due_minor > 0:
            again = (payment.reference, due_minor, seen_minor, refund.reference)
            shop.does(partial(shop.refund, *again))
        else:
            shop.resolves(refund.reference)


def unfinished() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED)
        return [row[0] for row in cursor.fetchall()]


def wait_for_what_is_due(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute(NEXT)
        (at,) = cursor.fetchone()
    ahead = (at - shop.now).total_seconds() if at else 0
    SCRIPT.clock.forward(max(1.0, min(ahead, 3600.0) + 1))
