"""Pieces moving between free, reserved and sold: one statement per order, each kind once.

Rows are locked in sku order and changed by one conditional UPDATE whose row count is checked;
two orders with the same goods in another order of lines wait for each other, never deadlock.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from orders.models import StockMovement
from orders.problems import OutOfStock

Kind = StockMovement.Kind

FROM_TO = {
    Kind.RESERVE: ("stock_free", "stock_reserved"),
    Kind.SELL: ("stock_reserved", "stock_sold"),
    Kind.RELEASE: ("stock_reserved", "stock_free"),
    Kind.RETAKE: ("stock_free", "stock_sold"),
}

# Lock, change and write down in one round trip. The column names come from FROM_TO alone.
MOVE = """
WITH taken AS MATERIALIZED (
    SELECT line.id AS line_id, line.product_id, line.quantity
    FROM orders_orderline line JOIN orders_product product ON product.id = line.product_id
    WHERE line.order_id = %(order)s ORDER BY product.sku FOR NO KEY UPDATE OF product
), moved AS (
    UPDATE orders_product product
    SET {source} = product.{source} - taken.quantity, {target} = product.{target} + taken.quantity
    FROM taken WHERE product.id = taken.product_id AND product.{source} >= taken.quantity
    RETURNING taken.line_id, taken.quantity
), written AS (
    INSERT INTO orders_stockmovement (line_id, kind, quantity, at)
    SELECT line_id, %(kind)s, quantity, %(now)s FROM moved RETURNING line_id
)
SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM written)
"""


def move_stock(order_id: int, kind: StockMovement.Kind, *, now: datetime) -> None:
    """Move every line's pieces. Raises OutOfStock when one is short: roll back then."""
    source, target = FROM_TO[kind]
    with connection.cursor() as cursor:
        cursor.execute(
            MOVE.format(source=source, target=target),
            {"order": order_id, "kind": kind.value, "now": now},
        )
        wanted, moved = cursor.fetchone()
    if moved != wanted:
        raise OutOfStock


def retake(order_id: int, *, now: datetime) -> bool:
    """Take free pieces for late money; False, and nothing moved, when one line is short."""
    try:
        with transaction.atomic():
            move_stock(order_id, Kind.RETAKE, now=now)
    except OutOfStock:
        return False
    return True
