"""Money as the gateways speak it: integer minor units and an ISO 4217 code."""

from decimal import Decimal
from functools import cache

from babel.numbers import format_currency, get_currency_precision, is_currency

#: No single amount may exceed this; sums of a hundred lines still fit a bigint.
AMOUNT_MINOR_MAX = 10**12


@cache
def minor_digits(currency: str) -> int:
    """Decimals of a currency: EUR 2, JPY 0, KWD 3. Raises ValueError for an unknown code."""
    if not is_currency(currency):
        raise ValueError(f"{currency!r} is not an ISO 4217 currency code.")
    return get_currency_precision(currency)


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """The exact amount in major units."""
    return Decimal(amount_minor).scaleb(-minor_digits(currency))


def format_money(amount_minor: int, currency: str, locale: str = "en") -> str:
    """For people's eyes only, in their language: 6899 EUR is `€68.99`, `68,99 €` in German."""
    return format_currency(
        to_decimal(amount_minor, currency), currency, locale=locale.replace("-", "_")
    )


def included_tax(gross_minor: int, rate_percent: Decimal) -> int:
    """The tax inside a gross amount, rounded half up to whole minor units."""
    net = Decimal(gross_minor) * 100 / (100 + rate_percent)
    return gross_minor - int(net.quantize(Decimal(1), rounding="ROUND_HALF_DOWN"))
