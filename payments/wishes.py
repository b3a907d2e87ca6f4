"""What a shopper asks for when they press "pay"."""

from collections.abc import Mapping
from dataclasses import dataclass

from payments import registry
from payments.gateways.base import Capabilities
from payments.problems import MethodNotOffered, PayerFactsMissing
from shop.idempotency import Claim


@dataclass(frozen=True)
class Wish:
    """What the shopper asks for."""

    order_reference: str
    amount_minor: int
    currency: str
    method: str  # public name
    subject: str
    return_url: str
    notify_url: str
    locale: str
    device: str
    payer: Mapping[str, str]
    claim: Claim | None

    def check_method(self) -> None:
        """Raises MethodNotOffered before anything is written."""
        _ = self.target

    @property
    def target(self) -> tuple[str, str]:
        """(gateway, its method). Raises MethodNotOffered."""
        try:
            return registry.public_methods()[self.method]
        except KeyError:
            raise MethodNotOffered from None

    def payer_for(self, can: Capabilities) -> dict[str, str]:
        """Of what the shopper told only what this method needs. Raises PayerFactsMissing."""
        if missing := [name for name in can.needs if not self.payer.get(name)]:
            raise PayerFactsMissing(missing=missing)
        return {name: self.payer[name] for name in can.needs}
