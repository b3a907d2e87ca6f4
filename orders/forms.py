"""The forms of the shopper's pages. Prices and totals never come from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from babel import Locale
from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from orders.models.order import read_number
from orders.pricing import Delivery

#: Babel's two-letter codes that are no countries.
NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
#: Where the shop is: most parcels stay here.
HOME_COUNTRY = "DE"


def countries(language: str) -> list[tuple[str, str]]:
    """ISO codes and names in the reader's language, sorted as a reader looks for them."""
    names = _babel(language).territories
    known = [(code, name) for code, name in names.items() if len(code) == 2 and code.isalpha()]
    return sorted((pair for pair in known if pair[0] not in NO_COUNTRIES), key=lambda pair: pair[1])


def country_name(code: str) -> str:
    """A country's name in the reader's language; the code itself when it has none."""
    return str(_babel(get_language() or "en").territories.get(code, code))


def _babel(language: str) -> Locale:
    return Locale.parse(language.replace("-", "_"))


def _text(label: Any, missing: Any, autocomplete: str, **attrs: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": autocomplete, "spellcheck": "false", **attrs})
    max_length = int(attrs.get("maxlength", 120))
    return forms.CharField(
        label=label, max_length=max_length, widget=widget, error_messages={"required": missing}
    )


class CheckoutForm(forms.Form):
    """Who orders, where it goes, and how: seven visible fields."""

    required_css_class = "required"
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("Only for this order: its link, the receipt, and news of your money."),
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
        error_messages={
            "required": _("Enter your e-mail address"),
            "invalid": _("Enter an e-mail address like name@example.com"),
        },
    )
    name = _text(_("Name"), _("Enter your name"), "name")
    street = _text(_("Street and number"), _("Enter your street and number"), "address-line1")
    postcode = _text(_("Postcode"), _("Enter your postcode"), "postal-code", maxlength="16")
    city = _text(_("Town or city"), _("Enter your town or city"), "address-level2")
    country = forms.ChoiceField(
        label=_("Country"),
        initial=HOME_COUNTRY,
        widget=forms.Select(attrs={"autocomplete": "country"}),
        error_messages={"invalid_choice": _("Choose a country from the list")},
    )
    delivery = forms.ChoiceField(
        label=_("Delivery"),
        error_messages={
            "required": _("Choose how we bring it"),
            "invalid_choice": _("Choose how we bring it"),
        },
    )
    version = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, deliveries: Sequence[Delivery], language: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        offered = [(option.code, option.title) for option in deliveries]
        cast("forms.ChoiceField", self.fields["country"]).choices = countries(language)
        cast("forms.ChoiceField", self.fields["delivery"]).choices = offered

    @property
    def shown_total_minor(self) -> int | None:
        """The total that stood beside the chosen delivery on the page."""
        raw = self.data.get(f"total_{self.cleaned_data['delivery']}", "")
        return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 16 else None

    @property
    def address(self) -> dict[str, str]:
        """The cleaned address, as the order keeps it."""
        parts = ("name", "street", "postcode", "city", "country")
        return {part: self.cleaned_data[part] for part in parts}


class LinkForm(forms.Form):
    """Which order's link is wanted again, and by whom. Says nothing of what exists."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("The one that you gave with the order: the link goes there, nowhere else."),
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
        error_messages={
            "required": _("Enter your e-mail address"),
            "invalid": _("Enter an e-mail address like name@example.com"),
        },
    )
    number = forms.CharField(
        label=_("Order number"),
        max_length=40,
        help_text=_("It looks like PO-7K3QX-M2RVD and stands in every mail about the order."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Enter the order number")},
    )

    def clean_number(self) -> str:
        """The number as we write it, however it was typed."""
        number = read_number(self.cleaned_data["number"])
        if not number:
            raise forms.ValidationError(_("Enter an order number like PO-7K3QX-M2RVD"))
        return number


class AddForm(forms.Form):
    """The good that a button of the catalogue names."""

    sku = forms.SlugField(max_length=64)


class LineForm(forms.Form):
    """One line of the basket: so many pieces of one good, or none."""

    sku = forms.SlugField(max_length=64)
    quantity = forms.RegexField(r"^[0-9]{1,2}\Z", strip=False, required=False)
    remove = forms.BooleanField(required=False)

    @property
    def pieces(self) -> int:
        """Zero takes the line out."""
        return 0 if self.cleaned_data["remove"] else int(self.cleaned_data["quantity"] or 0)


PAYER_FACT_MAX = 100
#: Label and autocomplete of each fact about the payer that a gateway may need.
PAYER_FACTS = {
    "name": (_("Full name of who pays"), "name"),
    "tax_id": (_("Tax number of who pays (CPF or CNPJ)"), "off"),
}


class PayForm(forms.Form):
    """The chosen way to pay, and the name of this press of the button."""

    method = forms.SlugField(max_length=40)
    key = forms.RegexField(r"^[A-Za-z0-9_-]{16,64}\Z")
    # What some methods ask of who pays; a method that does not is paid without.
    name = forms.CharField(max_length=PAYER_FACT_MAX, required=False)
    tax_id = forms.CharField(max_length=PAYER_FACT_MAX, required=False)

    @property
    def payer(self) -> dict[str, str]:
        """What was entered, by the names that gateways give it."""
        return {fact: self.cleaned_data[fact] for fact in PAYER_FACTS if self.cleaned_data[fact]}
