"""What goes wrong on the way to the bank: each strikes one kind of request, and counts.

`during` is around the step; what it yields counts the calls that found no answer.
"""

from __future__ import annotations

import copy
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from payments import breaker
from shop import metrics
from tests.bank import _free_port
from tests.matrix.scene import Scene
from tests.matrix.troubles import Hits
from tests.payments.conftest import forget_adapters

#: The bank's own name for what each step asks of it.
OPERATIONS = {"C": "create", "P": "query", "X": "close", "R": "refund"}
NO_NAME = "bank.invalid"


@dataclass
class Surroundings:
    """What a trouble may bend: the scene's bank, the settings, this process."""

    scene: Scene
    settings: Any
    patch: pytest.MonkeyPatch


Trouble = Callable[[Surroundings, str], AbstractContextManager[Hits]]


def bank_does(knob: str, **more: Any) -> Trouble:
    """One of the bank's switches, for this operation, once."""

    @contextmanager
    def trouble(around: Surroundings, operation: str) -> Iterator[Hits]:
        found = Hits()
        around.scene.still(**{knob: 1.0}, only=[operation], at_most=1, **more)
        yield found
        found.hits = around.scene.bank.struck().get(knob, 0)
        around.scene.still()

    return trouble


def address(make: Callable[[Surroundings], str]) -> Trouble:
    """The bank is looked for at another address, where nobody answers for it."""

    @contextmanager
    def trouble(around: Surroundings, operation: str) -> Iterator[Hits]:
        found, before = Hits(), unanswered(operation)
        gateways = around.settings.PAYMENT_GATEWAYS
        elsewhere = copy.deepcopy(gateways)
        elsewhere["sandbox"]["options"]["base_url"] = make(around)
        around.settings.PAYMENT_GATEWAYS = elsewhere
        forget_adapters()
        yield found
        found.hits = unanswered(operation) - before
        around.settings.PAYMENT_GATEWAYS = gateways
        forget_adapters()

    return trouble


def nobody_listens(around: Surroundings) -> str:
    return f"http://127.0.0.1:{_free_port()}"


def no_tls(around: Surroundings) -> str:
    """Plain HTTP answers where a certificate is wanted."""
    return around.scene.bank.url.replace("http://", "https://")


def no_name(around: Surroundings) -> str:
    """The name of the bank is not found; no question leaves this machine."""
    known = socket.getaddrinfo

    def look_up(host: Any, *told: Any, **more: Any) -> Any:
        if host == NO_NAME:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return known(host, *told, **more)

    around.patch.setattr(socket, "getaddrinfo", look_up)
    return f"http://{NO_NAME}"


@contextmanager
def breaker_is_open(around: Surroundings, operation: str) -> Iterator[Hits]:
    """So many calls had no answer that the bank is left alone for a while."""
    found, before = Hits(), unanswered(operation)
    around.settings.BREAKER_UNKNOWNS = 1
    around.settings.BREAKER_PROBE_SECONDS = 60.0
    mine = breaker.breaker("sandbox")
    mine.unanswered()
    assert mine.is_down()
    yield found
    found.hits = unanswered(operation) - before
    around.settings.BREAKER_UNKNOWNS = 1000
    mine.answered()


@contextmanager
def bank_is_slow(around: Surroundings, operation: str) -> Iterator[Hits]:
    """It answers long after we gave up; a tenth of our patience keeps the test short."""
    gateways = around.settings.PAYMENT_GATEWAYS
    hasty = copy.deepcopy(gateways)
    hasty["sandbox"]["options"]["read_seconds"] = 0.15
    around.settings.PAYMENT_GATEWAYS = hasty
    forget_adapters()
    with bank_does("delay_probability", delay_ms=400)(around, operation) as found:
        before = unanswered(operation)
        yield found
    found.hits = unanswered(operation) - before
    around.settings.PAYMENT_GATEWAYS = gateways
    forget_adapters()


def unanswered(operation: str) -> int:
    """Calls of this process without a trustworthy answer, held ones among them."""
    counts = [
        metrics.gateway_answers.labels("sandbox", operation, what)._value.get()
        for what in ("unknown", "held")
    ]
    return int(sum(counts))


TROUBLES: dict[str, tuple[Trouble, ...]] = {
    "answer-lost": (bank_does("lose_answer"),),
    "5xx": (bank_does("error_after"), bank_does("error_before")),
    "late-request": (bank_does("late_request", late_request_ms=150),),
    "unreachable": (
        address(nobody_listens),
        address(no_name),
        address(no_tls),
        breaker_is_open,
    ),
    "slow-bank": (bank_is_slow, breaker_is_open),
}
