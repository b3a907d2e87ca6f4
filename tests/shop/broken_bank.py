"""An adapter with a mistake of our own in it: what a release that went wrong would do."""

from __future__ import annotations

from payments.gateways import base
from payments.gateways.sandbox import SandboxGateway


class BrokenGateway(SandboxGateway):
    """Offers what the sandbox offers and falls over when it should open a payment."""

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        raise RuntimeError("a mistake of our own")
