"""Words for what payments only names: ways to pay, and why a payment was declined."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

Words = str | Promise


@dataclass(frozen=True)
class MethodWords:
    """A way to pay as the radio list shows it."""

    title: Words
    explained: Words = ""


#: By public method name. A method without words here is shown by its gateway's own title.
METHOD_WORDS = {
    "qr": MethodWords(_("QR code"), _("Scan it with your banking or wallet app")),
    "redirect": MethodWords(_("Online banking"), _("You confirm on your bank's page")),
    "card": MethodWords(_("Card"), _("The form belongs to the payment service")),
}


@dataclass(frozen=True)
class ReasonWords:
    """What happened, and what the shopper can do about it."""

    what: Words
    next: Words


NO_REASON = ReasonWords(
    _("The bank did not make this payment"),
    _("It gave no reason. Try again, choose another way to pay, or ask your bank."),
)
#: By the class of reason that the gateway named.
REASON_WORDS = {
    "insufficient_funds": ReasonWords(
        _("There was not enough money on the account or card"),
        _("Choose another way to pay, or try again when there is enough."),
    ),
    "challenge_failed": ReasonWords(
        _("The bank could not confirm that it was you"),
        _("Try again and confirm in your banking app, or choose another way to pay."),
    ),
    "wrong_data": ReasonWords(
        _("Something in the card's details was not right"),
        _("Check the number, the date and the code on the back, and try again."),
    ),
    "card_declined": ReasonWords(
        _("The bank refused this card"),
        _("Use another card or choose another way to pay; your bank can tell you why."),
    ),
    "expired": ReasonWords(
        _("The time for this payment ran out"),
        _("Start again whenever you are ready."),
    ),
}


def method_words(method: str, title: str = "") -> MethodWords:
    """The words for a method; its gateway's `title` or its name where we have none."""
    return METHOD_WORDS.get(method) or MethodWords(title or method)


def reason_words(note: str) -> ReasonWords:
    """The words for a declined payment's reason."""
    return REASON_WORDS.get(note, NO_REASON)


#: What an error page may quote: the titles of problems, marked here for translation.
PROBLEM_TITLES = (
    gettext_noop("There is no such product."),
    gettext_noop("This delivery option is not offered."),
    gettext_noop("The shop does not sell in this currency."),
    gettext_noop("The total of this order is larger than the shop accepts."),
    gettext_noop("These lines cannot be ordered."),
    gettext_noop("Not enough pieces are left."),
    gettext_noop("Too many new payments for this order; wait a minute."),
    gettext_noop("This payment method is not offered for this order."),
    gettext_noop("This browser cannot be notified."),
    gettext_noop("Too many browsers follow this order."),
    gettext_noop("Too many orders were asked for that do not exist."),
    gettext_noop("The shop is busy. Nothing was changed; try again in a moment."),
)
