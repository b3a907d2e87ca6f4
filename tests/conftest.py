"""What every test may use: the real bank, a running web server, an order to pay."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import TransactionTestCase

from shop import courtesy
from tests.bank import Bank
from tests.emptying import emptying, remember_what_migrations_left
from tests.environment import BANK_PORT
from tests.stack import Stack


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The database of the tests, as migrations left it."""
    with django_db_blocker.unblock():
        remember_what_migrations_left()


@pytest.fixture(autouse=True, scope="session")
def quick_emptying() -> Iterator[None]:
    """Tests that commit leave an empty database, without the price of truncating every table."""
    with pytest.MonkeyPatch.context() as django:
        flush: Any = vars(TransactionTestCase)["_fixture_teardown"]
        django.setattr(TransactionTestCase, "_fixture_teardown", emptying(flush))
        yield


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


@pytest.fixture(autouse=True)
def nobody_else_works(request: pytest.FixtureRequest) -> None:
    """The worker of an earlier test would do this one's work, at another bank."""
    if not {"live_shop", "redis_shop"} & set(request.fixturenames):
        Stack.rest()


@pytest.fixture(scope="session")
def stack_processes(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stack]:
    """Web, worker and bank as processes, once per test process."""
    with django_db_blocker.unblock():
        stack = Stack()
        stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def live_shop(transactional_db: None, stack_processes: Stack) -> Iterator[Stack]:
    """The running shop with a seeded catalogue, an empty ledger and no faults."""
    stack_processes.take_over().bank.reset()
    call_command("seed", verbosity=0)
    yield stack_processes
    stack_processes.bank.faults()
