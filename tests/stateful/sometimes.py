"""What random stories must come to now and then: a run that never does proves too little."""

from __future__ import annotations

from django.db import connection

MOVED = """EXISTS (SELECT FROM shop_statechange WHERE subject = '{}' AND from_state IN ({})
    AND to_state IN ({}))"""
QUESTIONS = {
    "late money pays a cancelled order": MOVED.format("order", "'cancelled'", "'paid'"),
    "late money goes back": "EXISTS (SELECT FROM payments_refund WHERE kind = 'returned')",
    "an order is refunded": MOVED.format("order", "'paid'", "'refunded'"),
    "a refund fails after it was done": MOVED.format("refund", "'done'", "'failed'"),
    "a surplus goes back": "EXISTS (SELECT FROM payments_refund WHERE kind = 'surplus')",
    "a superseded attempt is paid": MOVED.format(
        "payment", "'superseded'", "'captured', 'surplus'"
    ),
    "an attempt given up is paid": MOVED.format(
        "payment", "'closed', 'declined'", "'captured', 'surplus'"
    ),
    "a create is sent again": "EXISTS (SELECT FROM payments_payment WHERE send_count > 1)",
    "a refund is sent again": "EXISTS (SELECT FROM payments_refund WHERE send_count > 1)",
    "one reference is charged twice": """EXISTS (
        SELECT FROM payments_payment WHERE same_attempt_as_id IS NOT NULL)""",
    "a wrong amount comes": "EXISTS (SELECT FROM payments_reviewcase WHERE kind = 'wrong_amount')",
    "lost rows are adopted": """EXISTS (
        SELECT FROM shop_statechange WHERE reason LIKE 'adopted%')""",
    "an approval is void": "EXISTS (SELECT FROM shop_statechange WHERE reason LIKE 'void%')",
    "the relay delivers what failed": """EXISTS (
        SELECT FROM shop_outboxmessage WHERE topic <> 'OrderPaid' AND done_at IS NOT NULL)""",
}


def reached() -> list[str]:
    """What the story that just ended came to: one query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(QUESTIONS.values()))
        (answers,) = cursor.fetchall()
    return [name for name, came in zip(QUESTIONS, answers, strict=True) if came]
