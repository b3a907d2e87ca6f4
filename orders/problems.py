"""Why an order cannot be placed, paid or cancelled: named by what the caller can do next."""

from __future__ import annotations

from shop.problems import NotFound, Problem


class OrderNotFound(NotFound):
    """No such order, or not for you: both look the same."""


class LinesInvalid(Problem):
    """Send lines with known goods, each once, in quantities the shop sells."""

    slug = "lines-invalid"
    title = "These lines cannot be ordered."


class UnknownProduct(Problem):
    """Choose goods from the catalogue that have a price in this currency."""

    slug = "unknown-sku"
    title = "There is no such product."


class UnknownDelivery(Problem):
    """Choose one of the delivery options offered in this currency."""

    slug = "unknown-delivery"
    title = "This delivery option is not offered."


class UnknownCurrency(Problem):
    """Choose one of the shop's currencies."""

    slug = "unknown-currency"
    title = "The shop does not sell in this currency."


class TotalTooLarge(Problem):
    """Order less at once."""

    slug = "total-too-large"
    title = "The total of this order is larger than the shop accepts."


class OutOfStock(Problem):
    """Order fewer pieces of the named goods, or other goods."""

    status = 409
    slug = "out-of-stock"
    title = "Not enough pieces are left."


class BasketChanged(Problem):
    """Look at the basket again: it is not what was on the page."""

    status = 409
    slug = "basket-changed"
    title = "The basket has changed since the page was shown."


class TotalChanged(Problem):
    """Look at the new total and confirm it: a price changed since the page was shown."""

    status = 409
    slug = "total-changed"
    title = "The total has changed since the page was shown."


class OrderClosed(Problem):
    """Place the order again: this one takes no payment any more."""

    status = 409
    slug = "order-closed"
    title = "This order is closed: no payment can be made for it."


class OrderAlreadyPaid(Problem):
    """Show the receipt. Ask the shop for a refund instead of cancelling."""

    status = 409
    slug = "order-already-paid"
    title = "This order is already paid."


class NotABrowser(Problem):
    """Subscribe again in the browser: this is no address that a known push service gives out."""

    slug = "not-a-browser"
    title = "This browser cannot be notified."


class TooManyBrowsers(Problem):
    """Enough browsers are told about this order already."""

    status = 409
    slug = "too-many-browsers"
    title = "Too many browsers follow this order."
