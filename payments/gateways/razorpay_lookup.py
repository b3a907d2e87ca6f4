"""Where one of our references stands at Razorpay: an order or a link, its payments, its refunds."""

from __future__ import annotations

import re

from payments.gateways import base
from payments.gateways import razorpay_answers as answers
from payments.gateways.razorpay_answers import Entity, Found
from payments.gateways.razorpay_wire import Api
from payments.gateways.wire import reading

# Of receipts (at most 40) and of X-Refund-Idempotency (at least 10 characters).
REFERENCE = re.compile(r"[A-Za-z0-9_-]{10,40}", re.ASCII)


class Books:
    """Razorpay's books of our account, asked each time. Raises Unknown."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def find(self, payment: base.PaymentRef) -> Found | None:
        """Without a method (a row that was lost) both are looked for."""
        if not REFERENCE.fullmatch(payment.reference):
            return None
        if payment.method != "checkout":
            entity = self.link(payment.reference)
            if entity is not None:
                return self.with_payments(entity, payment.reference)
        return None if payment.method == "link" else self.checkout(payment.reference)

    def checkout(self, receipt: str) -> Found | None:
        """Every order with this receipt as one."""
        query = {"receipt": receipt, "expand[]": "payments", "count": 100}
        with reading():
            return answers.checkout_with(receipt, self._api.get("/v1/orders", query))

    def link(self, reference: str) -> Entity | None:
        """The link with this reference_id."""
        with reading():
            listed = self._api.get("/v1/payment_links", {"reference_id": reference})
            return answers.link_with(reference, listed)

    def with_payments(self, entity: Entity, reference: str) -> Found:
        """A link has an order from when it was first opened; what was paid stands there."""
        with reading():
            if not entity.get("order_id"):
                return answers.link(entity, reference, ())
            gateway_order_id = answers.matching(entity["order_id"], answers.ID)
            listed = self._api.get(f"/v1/orders/{gateway_order_id}/payments")
            return answers.link(entity, reference, answers.payments_under(gateway_order_id, listed))

    def refunds_of(self, payment_id: str) -> list[Entity]:
        """Every refund of a payment."""
        if not answers.ID.fullmatch(payment_id):
            raise base.Unknown("the payment's transaction is not known")
        with reading():
            found = self._api.all(f"/v1/payments/{payment_id}/refunds")
            if any(refund["payment_id"] != payment_id for refund in found):
                raise base.Unknown("the answer is about refunds of another payment")
            return found
