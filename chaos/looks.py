"""A look at the shop's rows past every fault: how many are where, and whether all is at rest."""

import time
from dataclasses import dataclass

import psycopg

from chaos.house import House

BY_STATE = "SELECT state, count(*) FROM orders_order GROUP BY state"
IN_DOUBT = """
SELECT count(*) FROM payments_payment WHERE state IN ('created', 'unknown', 'superseded')
"""
#: Everything that somebody still has to do something about, one row a kind. A notification is a
#: hint about a payment: once that is final, whether the hint was followed moves nothing.
UNDER_WAY = """
SELECT 'orders paying', count(*) FROM orders_order WHERE state = 'paying'
UNION ALL SELECT 'orders wanted cancelled', count(*) FROM orders_order
    WHERE state IN ('unpaid', 'paying') AND cancel_wanted_at IS NOT NULL
UNION ALL SELECT 'payments ' || state, count(*) FROM payments_payment
    WHERE state IN ('created', 'open', 'unknown', 'superseded') GROUP BY state
UNION ALL SELECT 'refunds ' || state, count(*) FROM payments_refund
    WHERE state IN ('requested', 'approved', 'sent', 'pending') GROUP BY state
UNION ALL SELECT 'facts', count(*) FROM shop_outboxmessage WHERE done_at IS NULL
"""


@dataclass
class Look:
    """One moment: seconds since 1970, orders by state, payments in doubt."""

    at: float
    orders: dict[str, int]
    in_doubt: int


def look(house: House) -> Look | None:
    """Count now; None while the database is away."""
    try:
        with house.primary.open() as connection:
            orders = dict(connection.execute(BY_STATE).fetchall())
            ((in_doubt,),) = connection.execute(IN_DOUBT).fetchall()
    except psycopg.Error:
        return None
    return Look(time.time(), {str(state): int(n) for state, n in orders.items()}, int(in_doubt))


def under_way(house: House) -> dict[str, int]:
    """What is not final yet; empty when all is at rest. Raises psycopg.Error."""
    return {str(what): int(n) for what, n in house.primary.ask(UNDER_WAY) if n}
