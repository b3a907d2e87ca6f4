"""What every test may use: the real bank, a running web server, an order to pay."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from shop import courtesy
from tests.bank import Bank
from tests.environment import BANK_PORT


@pytest.fixture(scope="session")
def bank_process() -> Iterator[Bank]:
    """One bank per test process, on the port that the settings name."""
    bank = Bank(port=BANK_PORT)
    bank.start()
    yield bank
    bank.stop()


@pytest.fixture
def bank(bank_process: Bank) -> Iterator[Bank]:
    """The bank with an empty ledger and no faults."""
    bank_process.reset()
    yield bank_process
    bank_process.faults()


@pytest.fixture(autouse=True)
def fresh_redis() -> None:
    """No answer, lock or pause of an earlier test is left."""
    courtesy.pause.until = 0.0
    cache.clear()
