"""Razorpay's movements of one day: captured payments and processed refunds, by their creation."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from payments.gateways import base
from payments.gateways import razorpay_answers as answers
from payments.gateways.razorpay_answers import Entity
from payments.gateways.razorpay_wire import Api
from payments.gateways.wire import text, whole


def rows(api: Api, day: date) -> list[base.StatementRow]:
    """Every movement; raises Unknown, or ValueError for a shape that was not promised."""
    begins = datetime.combine(day, time(), UTC)
    last = begins + timedelta(days=1) - timedelta(seconds=1)
    query = {"from": int(begins.timestamp()), "to": int(last.timestamp())}
    names = _Names(api)
    # By id: what is added while pages are turned comes twice.
    payments = {payment["id"]: payment for payment in api.all("/v1/payments", query)}
    refunds = {refund["id"]: refund for refund in api.all("/v1/refunds", query)}
    charges = [_charge(payment, names) for payment in payments.values() if _took_money(payment)]
    returns = [
        _return(refund, names)
        for refund in refunds.values()
        # An authorization that nobody captured is returned too: no money of ours moved.
        if answers.REFUNDS[refund["status"]] is base.RefundState.DONE and names.took_money(refund)
    ]
    return charges + returns


class _Names:
    """Our references of payments that name only their order; each is asked for once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._receipts: dict[str, str] = {}

    def of(self, payment: Entity) -> str:
        """The reference of a payment."""
        if known := answers.noted(payment, "reference"):
            return known
        if not payment["order_id"]:
            return ""  # made without an order, so not by us
        gateway_order_id = answers.matching(payment["order_id"], answers.ID)
        if gateway_order_id not in self._receipts:
            entity = self._api.get(f"/v1/orders/{gateway_order_id}")
            self._receipts[gateway_order_id] = text(entity["receipt"] or "")
        return self._receipts[gateway_order_id]

    def took_money(self, refund: Entity) -> bool:
        """Whether a refund is of a captured payment; ours say so by their notes."""
        return bool(answers.noted(refund, "payment_reference")) or _took_money(self._of(refund))

    def of_refund(self, refund: Entity) -> str:
        """The reference of a refund's payment."""
        return answers.noted(refund, "payment_reference") or self.of(self._of(refund))

    def _of(self, refund: Entity) -> Entity:
        payment_id = answers.matching(refund["payment_id"], answers.ID)
        return self._api.get(f"/v1/payments/{payment_id}")


def _took_money(payment: Entity) -> bool:
    return bool(answers.captures([payment]))


def _charge(payment: Entity, names: _Names) -> base.StatementRow:
    (capture,) = answers.captures([payment])
    return base.StatementRow(
        kind="charge",
        reference=names.of(payment),
        refund_reference="",
        transaction_id=capture.transaction_id,
        amount_minor=capture.amount_minor,
        currency=capture.currency,
        at=capture.captured_at,
        fee_minor=whole(payment["fee"] or 0),
    )


def _return(refund: Entity, names: _Names) -> base.StatementRow:
    fact = answers.refund_fact(refund)
    return base.StatementRow(
        kind="refund",
        reference=names.of_refund(refund),
        refund_reference=fact.reference,
        transaction_id=fact.transaction_id,
        amount_minor=fact.amount_minor,
        currency=answers.matching(refund["currency"], answers.CURRENCY),
        at=answers.moment(refund["created_at"]),
    )
