"""A merchant of the bank, and the ear that hears its notifications."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bank import Bank
from tests.simulator.ear import Ear
from tests.simulator.merchant import Merchant


@pytest.fixture
def ear() -> Iterator[Ear]:
    """A new port for each test: a late notification of an earlier one reaches nobody."""
    ear = Ear()
    yield ear
    ear.close()


@pytest.fixture
def merchant(bank: Bank, ear: Ear) -> Merchant:
    return Merchant(bank, ear.url)
