"""A member of staff at the refund's pages, as a browser without scripts sends its forms."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse

from payments.gateways.base import Capabilities
from payments.gateways.sandbox import SandboxGateway
from payments.models import Payment, Refund
from shop.models import User
from tests.desk.people import at_the_desk, text_of

HIDDEN = re.compile(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"')


def hidden(answer: Any) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = HIDDEN.findall(text_of(answer))
    return {name: unescape(value) for name, value in found if "csrf" not in name}


class Desk:
    """One person, signed in, whose password was typed just now unless told otherwise."""

    def __init__(self, who: User, *, confirmed: bool = True) -> None:
        self.who = who
        self.client: Client = at_the_desk(who)
        if confirmed:
            self.confirm()

    def confirm(self, password: str = "x") -> Any:
        return self.client.post(
            reverse("desk:confirm"), {"password": password, "next": "/admin/desk/search/"}
        )

    def form(self, payment: Payment, query: str = "") -> dict[str, str]:
        """Open the refund's form; its hidden fields."""
        return hidden(self.client.get(reverse("desk:refund", args=[payment.reference]) + query))

    def preview(self, payment: Payment, form: dict[str, str], **told: Any) -> Any:
        """Fill the form in; what is None stays out, as a box that is not ticked."""
        asked: dict[str, Any] = {
            "how": "all",
            "reason": "goods damaged",
            "note": "",
            "tell_shopper": "on",
        }
        asked = {**asked, **form, **told}
        asked = {name: asked[name] for name in asked if asked[name] is not None}
        return self.client.post(reverse("desk:refund", args=[payment.reference]), asked)

    def send(self, payment: Payment, preview: Any, **told: Any) -> Any:
        asked = hidden(preview) | told
        if 'name="typed"' in text_of(preview):
            asked = {"typed": f"{int(asked['amount_minor']) / 100:.2f}"} | asked
        return self.client.post(reverse("desk:refund", args=[payment.reference]), asked)

    def refund(self, payment: Payment, **told: Any) -> Any:
        """From the form by way of the preview to the refund."""
        return self.send(payment, self.preview(payment, self.form(payment), **told))

    def approve(self, refund: Refund, **told: Any) -> Any:
        where = reverse("desk:refund-decide", args=[refund.reference])
        asked = {"decision": "approve", "amount_minor": refund.amount_minor, **told}
        return self.client.post(where, asked)

    def refuse(self, refund: Refund, why: str = "wrong order") -> Any:
        where = reverse("desk:refund-decide", args=[refund.reference])
        return self.client.post(where, {"decision": "refuse", "why": why})

    def transfer(self, refund: Refund, told: str) -> Any:
        where = reverse("desk:refund-transfer", args=[refund.reference])
        return self.client.post(where, {"transfer_reference": told})


class OneWayBank(SandboxGateway):
    """The same bank, on methods that can take money and cannot send it back."""

    def methods(self) -> list[Capabilities]:
        from dataclasses import replace

        return [replace(can, refundable=False) for can in super().methods()]
