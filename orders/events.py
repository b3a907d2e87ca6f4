"""What became true of an order. Facts, told through the outbox; amounts in minor units."""

from dataclasses import dataclass
from datetime import UTC, datetime

from shop.outbox import fact


@fact
@dataclass(frozen=True)
class OrderPlaced:
    """Somebody ordered: goods are reserved, nothing is paid."""

    order_reference: str

    @property
    def dedupe_key(self) -> str:
        return self.order_reference


@fact
@dataclass(frozen=True)
class OrderPaid:
    """The order's money is here: once per order, also when the money came late."""

    order_reference: str
    amount_minor: int
    currency: str
    paid_at: datetime

    @property
    def dedupe_key(self) -> str:
        return self.order_reference


@fact
@dataclass(frozen=True)
class OrderCancelled:
    """The order was closed unpaid; `reason` is shopper or expired."""

    order_reference: str
    reason: str

    @property
    def dedupe_key(self) -> str:
        return self.order_reference


@fact
@dataclass(frozen=True)
class OrderRefunded:
    """All of the order's money went back by `refund`."""

    order_reference: str
    refund: str

    @property
    def dedupe_key(self) -> str:
        return self.refund


@fact
@dataclass(frozen=True)
class LateMoneyReturned:
    """Money came after the end, the goods are gone: `refund` sends it back."""

    order_reference: str
    refund: str

    @property
    def dedupe_key(self) -> str:
        return self.refund


@fact
@dataclass(frozen=True)
class LinkWanted:
    """Somebody who names this order and a mail address wants its link again.

    Neither needs to exist, and whoever asks does not learn it: the relay looks, later. Of the
    address only a keyed digest travels. Heard once an hour for one order and address.
    """

    order_reference: str
    address_digest: str
    wanted_at: datetime

    @property
    def hour(self) -> str:
        return f"{self.wanted_at.astimezone(UTC):%Y-%m-%dT%H}"

    @property
    def dedupe_key(self) -> str:
        return f"{self.order_reference} {self.hour} {self.address_digest}"
