"""The first words of an order's page, and the mark beside them."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.pages.situation import Attempts, Situation

#: Situation -> the mark's colour (a class name) and its sign; no colour, no mark.
TONES = {
    Situation.PAID: ("good", "✓"),
    Situation.REFUNDED: ("good", "↩"),
    Situation.DECLINED: ("bad", "!"),
    Situation.CHECKING: ("wait turning", ""),
    Situation.SWITCHING: ("wait turning", ""),
    Situation.CLOSING: ("wait turning", ""),
    Situation.LATE: ("wait", "↩"),
    Situation.CANCELLED: ("plain", "×"),
    Situation.CHOOSE: ("", ""),
    Situation.PAY: ("", ""),
}
HEADINGS = {
    Situation.CHOOSE: gettext_lazy("Review and pay"),
    Situation.DECLINED: gettext_lazy("The payment was not made"),
    Situation.PAY: gettext_lazy("Pay now"),
    Situation.CHECKING: gettext_lazy("We are checking with your bank"),
    Situation.SWITCHING: gettext_lazy("Switching to another way to pay"),
    Situation.CLOSING: gettext_lazy("This order is being closed"),
    Situation.PAID: gettext_lazy("Paid. Thank you!"),
    Situation.REFUNDED: gettext_lazy("Your money was sent back"),
    Situation.LATE: gettext_lazy("Your money came too late and goes back"),
    Situation.CANCELLED: gettext_lazy("This order was not paid"),
}


def heading(situation: Situation, attempts: Attempts) -> str:
    """What happened, or what the shopper does next."""
    if situation is Situation.CHOOSE and attempts.last:
        return _("Choose another way to pay")
    if situation is Situation.CANCELLED and attempts.surplus:
        return _("This order ended, and your money goes back")
    return str(HEADINGS[situation])


def surplus_heading(attempts: Attempts) -> str:
    """What happened, for the banner above the payments that go back."""
    if attempts.kept is None:
        return _("Money arrived for this order, and goes back")
    same = all(p.captured_minor == attempts.kept.captured_minor for p in attempts.surplus)
    return _("You paid twice") if same else _("More money arrived than this order costs")
