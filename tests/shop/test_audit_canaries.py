"""A lie for each invariant: planted alone, it turns that line red and no other."""

import datetime as dt

import pytest
from django.db import connection, transaction
from django.utils import timezone

from shop.audit import checks, ledger
from tests.shop.test_audit import Books

pytestmark = pytest.mark.django_db(transaction=True)

PAID = "(SELECT number FROM named WHERE who = 'paid')"
REFUNDED = "(SELECT number FROM named WHERE who = 'refunded')"
TWICE = "(SELECT number FROM named WHERE who = 'twice')"
CANCELLED = "(SELECT number FROM named WHERE who = 'cancelled')"


#: The rows that the lies are about, found before the first lie is told.
ROWS = {
    "settling": ("paid", "role = 'settling'"),
    "surplus": ("twice", "state = 'surplus'"),
    "partly refunded": ("refunded", "role = 'settling'"),
    "closed": ("cancelled", "state = 'closed'"),
}
SETTLING = "(SELECT id FROM planted WHERE what = 'settling')"
SURPLUS = "(SELECT id FROM planted WHERE what = 'surplus')"
PARTLY_REFUNDED = "(SELECT id FROM planted WHERE what = 'partly refunded')"
CLOSED = "(SELECT id FROM planted WHERE what = 'closed')"


def charged_and_booked(by_minor: int) -> list[str]:
    return [
        f"UPDATE movement SET amount_minor = amount_minor + {by_minor} WHERE transaction_id ="
        f" (SELECT gateway_transaction_id FROM payments_payment WHERE id = {SETTLING})",
        f"UPDATE payments_payment SET captured_minor = captured_minor + {by_minor}"
        f" WHERE id = {SETTLING}",
    ]


LIES: dict[str, list[str]] = {
    "I1": charged_and_booked(100),
    "I2": [
        f"UPDATE orders_order SET state = 'unpaid', paid_at = NULL WHERE number = {PAID}",
        f"DELETE FROM shop_statechange WHERE order_reference = {PAID}"
        " AND subject = 'order' AND to_state <> 'unpaid'",
        f"DELETE FROM shop_outboxmessage WHERE order_reference = {PAID}",
        "DELETE FROM orders_invoice WHERE order_id ="
        f" (SELECT id FROM orders_order WHERE number = {PAID})",
    ],
    "I3": charged_and_booked(-100),
    "I4": [
        "INSERT INTO movement SELECT gateway, kind, 'STRANGER', '', 'tx-stranger', amount_minor,"
        " currency, at FROM movement WHERE kind = 'charge' LIMIT 1"
    ],
    "I5": [
        "INSERT INTO movement SELECT m.gateway, m.kind, p.reference, '', 'tx-unbooked', 1, 'JPY',"
        f" m.at FROM movement m, payments_payment p WHERE p.id = {CLOSED} LIMIT 1"
    ],
    "I6": [
        f"UPDATE payments_payment SET captured_minor = captured_minor + 1 WHERE id = {SETTLING}"
    ],
    "I7": [
        "INSERT INTO shop_statechange (subject, subject_reference, order_reference, from_state,"
        " to_state, source, actor, reason, detail, at) SELECT subject, subject_reference,"
        " order_reference, 'closed', 'captured', source, '', '', '{}', at FROM shop_statechange"
        f" WHERE order_reference = {PAID} AND subject = 'payment' LIMIT 1"
    ],
    "I8": [
        "DROP INDEX one_live_or_settling_payment",
        f"UPDATE payments_payment SET state = 'open', role = 'live' WHERE id = {SURPLUS}",
        f"DELETE FROM payments_refund WHERE payment_id = {SURPLUS}",
        "DELETE FROM movement WHERE reference = (SELECT reference FROM payments_payment"
        f" WHERE id = {SURPLUS})",
        "UPDATE payments_payment SET captured_minor = 0, refunded_minor = 0,"
        f" gateway_transaction_id = NULL WHERE id = {SURPLUS}",
    ],
    "I9": [
        "UPDATE movement SET amount_minor = amount_minor + 1 WHERE kind = 'refund' AND"
        f" reference = (SELECT reference FROM payments_payment WHERE id = {PARTLY_REFUNDED})",
        f"UPDATE orders_order SET total_minor = total_minor - 1 WHERE number = {REFUNDED}",
        "UPDATE payments_payment SET request = '{}' WHERE id = " + PARTLY_REFUNDED,
    ],
    "I10": [f"UPDATE payments_payment SET refund_pending_minor = 1 WHERE id = {PARTLY_REFUNDED}"],
    "I11": [
        f"UPDATE payments_payment SET refunded_minor = 0 WHERE id = {SURPLUS}",
        f"DELETE FROM payments_refund WHERE payment_id = {SURPLUS}",
        "DELETE FROM movement WHERE kind = 'refund' AND reference ="
        f" (SELECT reference FROM payments_payment WHERE id = {SURPLUS})",
        f"UPDATE orders_order SET total_minor = total_minor * 2 WHERE number = {TWICE}",
        "UPDATE payments_payment SET request = '{}' WHERE intent_id ="
        f" (SELECT intent_id FROM payments_payment WHERE id = {SURPLUS})",
    ],
    "I12": [f"UPDATE payments_refund SET kind = 'surplus' WHERE payment_id = {PARTLY_REFUNDED}"],
    "I13": [
        f"UPDATE payments_payment SET state = 'superseded' WHERE id = {CLOSED}",
    ],
    "I14": [
        f"UPDATE orders_order SET state = 'refunded' WHERE number = {REFUNDED}",
        "INSERT INTO shop_statechange (subject, subject_reference, order_reference, from_state,"
        " to_state, source, actor, reason, detail, at) SELECT 'order', number, number, 'paid',"
        f" 'refunded', 'lie', '', '', '{{}}', now() FROM orders_order WHERE number = {REFUNDED}",
    ],
    "I15": [
        f"DELETE FROM shop_statechange WHERE order_reference = {PAID} AND subject = 'order'"
        " AND to_state = 'paying'"
    ],
    "I16": [
        "DELETE FROM orders_stockmovement WHERE kind = 'sell' AND line_id IN (SELECT l.id FROM"
        " orders_orderline l JOIN orders_order o ON o.id = l.order_id"
        f" WHERE o.number = {PAID})"
    ],
    "I17": [
        "DELETE FROM orders_invoice WHERE order_id ="
        f" (SELECT id FROM orders_order WHERE number = {PAID})"
    ],
    "I18": [
        "INSERT INTO payments_notification (gateway, notification_id, kind, reference,"
        " refund_reference, body, received_at, tries, last_error, result)"
        " VALUES ('sandbox', 'evt-empty', 'payment.paid', '', '', '', now(), 0, '', '')"
    ],
    "I19": [
        "UPDATE payments_payment SET request = request || '{\"amount_minor\": 1}'"
        f" WHERE id = {SETTLING}"
    ],
    "I20": [
        "UPDATE payments_payment SET captured_at = captured_at - interval '1 day'"
        f" WHERE id = {SETTLING}"
    ],
}


@pytest.fixture
def books(bank) -> Books:
    return Books(bank)


def plant(statements: list[str], books: Books) -> None:
    """Run the lies past triggers and foreign keys, in a transaction that is rolled back."""
    orders = {
        "paid": books.paid,
        "refunded": books.refunded,
        "twice": books.paid_twice,
        "cancelled": books.cancelled,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("CREATE TEMP TABLE named (who text, number text) ON COMMIT DROP")
        for who, order in orders.items():
            cursor.execute("INSERT INTO named VALUES (%s, %s)", [who, order["number"]])
        cursor.execute("CREATE TEMP TABLE planted (what text, id bigint) ON COMMIT DROP")
        for what, (who, condition) in ROWS.items():
            cursor.execute(
                "INSERT INTO planted SELECT %s, p.id FROM payments_payment p"
                " JOIN payments_paymentintent i ON i.id = p.intent_id"
                f" JOIN named n ON n.number = i.order_reference WHERE n.who = %s AND p.{condition}",
                [what, who],
            )
        for statement in statements:
            cursor.execute(statement)
            changed = cursor.rowcount != 0
            assert changed, f"this lie changed nothing: {statement}"


def test_each_lie_turns_its_own_line_red_and_no_other(books):
    today = timezone.now().astimezone(dt.UTC).date()
    seen = {}
    for name, statements in LIES.items():
        with transaction.atomic():
            ledger.load(ledger.read(today, today), first=today)
            plant(statements, books)
            seen[name] = sorted({v.invariant for v in checks.check(all_at_rest=name == "I13")})
            transaction.set_rollback(True)
    assert seen == {name: [name] for name in checks.invariants() if name != "setup"}
