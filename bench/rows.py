"""The rows of the bench: goods, a past of any size, and fresh rows for each operation.

Everything is named by a number, so that each of the three can find its own rows: order `B…`,
public id and payment reference are that number with zeros in front.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg

AMOUNT_MINOR, CURRENCY = 1990, "EUR"
LIFETIME = timedelta(hours=1)
#: Enough that two connections seldom want the same good: a hot row is another question.
GOODS, FIRST_GOOD = 1000, 1_000_000
#: Rows written in one transaction.
CHUNK = 50_000


def order_number(n: int) -> str:
    """As the rows of `write` are named."""
    return f"B{n:018}"


def public_id(n: int) -> str:
    """The order's capability."""
    return f"{n:024}"


def reference(n: int) -> str:
    """The payment's."""
    return f"{n:026}"


def good(n: int) -> tuple[int, str]:
    """Id and sku of the good of the n-th order."""
    return FIRST_GOOD + n % GOODS, f"BENCH-{n % GOODS:04}"


GOODS_ROWS = f"""
INSERT INTO orders_product (id, sku, title, title_de, description, description_de, picture,
    position, active, tax_basis_points, stock_initial, stock_free, stock_reserved, stock_sold)
SELECT {FIRST_GOOD} + i, 'BENCH-' || lpad(i::text, 4, '0'), 'Bench', '', '', '', '', 0, true, 1900,
    300000000, 100000000, 100000000, 100000000 FROM generate_series(0, {GOODS - 1}) i;
INSERT INTO orders_price (product_id, currency, amount_minor)
SELECT {FIRST_GOOD} + i, '{CURRENCY}', {AMOUNT_MINOR} FROM generate_series(0, {GOODS - 1}) i;
"""  # noqa: S608

ORDERS = f"""
WITH placed AS (
    INSERT INTO orders_order (number, public_id, state, version, email, locale, currency,
        total_minor, tax_minor, delivery_code, delivery_title, delivery_minor, address,
        lines_fingerprint, placed_at, expires_at, paying_since, paid_at, cancel_reason,
        next_close_at, close_tries, next_check_at, check_tries, last_error)
    SELECT 'B' || lpad(n::text, 18, '0'), lpad(n::text, 24, '0'), %(order)s, 1,
        'shopper' || (n - 1) / 10 || '@example.com',
        'en', '{CURRENCY}', {AMOUNT_MINOR}, 0, '', '', 0,
        '{{}}', '', at, at + interval '1 hour', at, CASE WHEN %(order)s = 'paid' THEN at END, '',
        CASE WHEN %(order)s <> 'paid' THEN at + interval '1 hour' END, 0, NULL, 0, ''
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n,
        LATERAL (SELECT now() - %(age)s::interval * (%(end)s - n) / %(count)s AS at) moment
    RETURNING id, number
)
INSERT INTO orders_orderline (order_id, product_id, sku, title, quantity, unit_price_minor,
    tax_basis_points, tax_minor, total_minor)
SELECT id, {FIRST_GOOD} + substr(number, 2)::bigint %% {GOODS},
    'BENCH-' || lpad((substr(number, 2)::bigint %% {GOODS})::text, 4, '0'), 'Bench', 1,
    {AMOUNT_MINOR}, 1900, 0, {AMOUNT_MINOR} FROM placed
"""  # noqa: S608

PAYMENTS = f"""
WITH intent AS (
    INSERT INTO payments_paymentintent (order_reference, amount_minor, currency, created_at,
        version)
    SELECT 'B' || lpad(n::text, 18, '0'), {AMOUNT_MINOR}, '{CURRENCY}', now(), 1
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n RETURNING id, order_reference
)
INSERT INTO payments_payment (intent_id, reference, gateway, method, amount_minor, currency, state,
    role, born_version, request, created_at, expires_at, gateway_order_id, gateway_transaction_id,
    note, send_count, next_poll_at, poll_count, last_error, captured_minor, captured_currency,
    refunded_minor, refund_pending_minor, captured_at, presentation)
SELECT id, lpad(substr(order_reference, 2), 26, '0'), 'sandbox', 'qr', {AMOUNT_MINOR},
    '{CURRENCY}', %(payment)s,
    CASE WHEN %(payment)s = 'captured' THEN 'settling' ELSE 'live' END, 1,
    '{{}}', at, at + interval '15 minutes', 'G' || order_reference,
    CASE WHEN %(payment)s = 'captured' THEN 'T' || order_reference END, '', 1,
    CASE WHEN %(payment)s = 'open' THEN now() + %(due)s::interval END, 0, '',
    CASE WHEN %(payment)s = 'captured' THEN {AMOUNT_MINOR} ELSE 0 END,
    CASE WHEN %(payment)s = 'captured' THEN '{CURRENCY}' ELSE '' END, 0, 0,
    CASE WHEN %(payment)s = 'captured' THEN at END, '{{"kind": "qr"}}'
FROM intent, LATERAL (SELECT now() - %(age)s::interval
    * (%(end)s - substr(order_reference, 2)::bigint) / %(count)s AS at) moment
"""  # noqa: S608

PAST = [
    """
INSERT INTO payments_notification (gateway, notification_id, kind, reference, refund_reference,
    body, received_at, tries, last_error, result, processed_at)
SELECT 'sandbox', 'past-' || n, 'payment.paid', lpad(n::text, 26, '0'), '', repeat('x', 200)::bytea,
    now() - %(age)s::interval * (%(end)s - n) / %(count)s, 1, '', 'asked', now()
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
""",
    # One order in fifty was refunded in part; the first forty wait for a second person.
    """
INSERT INTO payments_refund (reference, payment_id, kind, amount_minor, currency, reason, note,
    actor, approved_by, seen_refunded_minor, state, gateway_refund_id, transfer_reference,
    created_at, send_count, poll_count, last_error, done_at)
SELECT 'R' || lpad(id::text, 25, '0'), id, 'staff', 10, currency, 'bench', '', 'bench', '', 0,
    CASE WHEN n <= 40 THEN 'requested' ELSE 'done' END, '', '', captured_at, 1, 1, '',
    CASE WHEN n > 40 THEN captured_at END
FROM payments_payment, LATERAL (SELECT reference::bigint AS n) number
WHERE reference BETWEEN lpad(%(first)s::text, 26, '0') AND lpad(%(last)s::text, 26, '0')
    AND (n %% 50 = 0 OR n <= 40)
""",
    # One in two hundred had a case, which is over; the first forty are open.
    """
INSERT INTO payments_reviewcase (kind, order_reference, subject, known, opened_at, resolved_at,
    resolution)
SELECT 'shopper_says_paid', 'B' || lpad(n::text, 18, '0'), lpad(n::text, 26, '0'), '{}',
    now() - %(age)s::interval * (%(end)s - n) / %(count)s, CASE WHEN n > 40 THEN now() END, ''
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n WHERE n %% 200 = 0 OR n <= 40
""",
    """
INSERT INTO shop_statechange (subject, subject_reference, order_reference, from_state, to_state,
    source, actor, reason, detail, at)
SELECT 'order', 'B' || lpad(n::text, 18, '0'), 'B' || lpad(n::text, 18, '0'), 'paying', 'paid',
    'payments', '', '', '{}', now() - %(age)s::interval * (%(end)s - n) / %(count)s
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
""",
    """
INSERT INTO shop_idempotencykey (scope, key, fingerprint, created_at, tries, lease_until, status,
    body, done_at)
SELECT 'POST /api/v1/orders/', 'past-' || lpad(n::text, 18, '0'), repeat('f', 64), now(), 1, now(),
    201, '{"state": "unpaid"}', now()
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
""",
    """
INSERT INTO shop_outboxmessage (topic, subscriber, dedupe_key, order_reference, payload,
    created_at, tries, last_error, done_at)
SELECT 'OrderPaid', 'orders.subscribers.issue_invoice', 'past-' || n,
    'B' || lpad(n::text, 18, '0'), '{}', now(), 1, '', now()
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
""",
]


def write(
    database: psycopg.Connection,
    first: int,
    count: int,
    *,
    order: str = "unpaid",
    payment: str = "",
    due: str = "1 hour",
    past: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Orders `first` to `first + count - 1` with a line each, and what belongs to their state."""
    statements = [ORDERS, *([PAYMENTS] if payment else []), *(PAST if past else [])]
    told: dict[str, Any] = {
        "order": order,
        "payment": payment,
        "due": due,
        "age": "365 days" if past else "1 s",
    }
    told |= {"end": first + count, "count": count}
    cursor = psycopg.ClientCursor(database)
    for begin in range(first, first + count, CHUNK):
        end = min(begin + CHUNK, first + count)
        with database.transaction():
            # Nothing here needs a trigger: the rows are right by the way they are made.
            database.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement, {**told, "first": begin, "last": end - 1})
        progress(end - first)
