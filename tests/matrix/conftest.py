"""A shop of our own making for the matrix: its bank, its database behind a wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from payments import breaker
from tests.bank import Bank
from tests.faultline import FaultLine
from tests.matrix.scene import Scene
from tests.matrix.troubles import shops_own
from tests.payments.conftest import forget_adapters
from tests.stack import socket_of_database

#: How long the shop waits for a free connection here; ten seconds outside.
POOL_SECONDS = 0.3
POOL_SIZE = 4


@pytest.fixture(autouse=True)
def closed_breaker() -> Iterator[None]:
    """No test is left with a bank that nobody asks."""
    yield
    breaker.breaker.cache_clear()
    forget_adapters()


@pytest.fixture
def scene(transactional_db: None, bank: Bank) -> Scene:
    return Scene(bank)


@pytest.fixture
def wire(transactional_db: None) -> Iterator[FaultLine]:
    """The database of this process is reached over this wire, by a small and impatient pool."""
    told: dict[str, Any] = connection.settings_dict
    before = {name: told[name] for name in ("HOST", "PORT", "OPTIONS")}
    with FaultLine(socket_of_database()) as line:
        pool = {"min_size": 1, "max_size": POOL_SIZE, "timeout": POOL_SECONDS}
        options = {**told["OPTIONS"], "pool": pool}
        _reconnect(HOST="127.0.0.1", PORT=str(line.port), OPTIONS=options)
        yield line
        line.heal()
        _reconnect(**before)


def _reconnect(**told: Any) -> None:
    connection.close()
    shops_own.close_pool()
    connection.settings_dict.update(told)
