"""A gateway that is down, and figures as Prometheus would read them."""

from collections.abc import Callable, Iterator

import pytest
from prometheus_client import REGISTRY

from payments.breaker import Breaker, breaker
from shop import courtesy
from tests.payments.conftest import Debt, deaf_orders, debt, later, line  # noqa: F401

__all__ = ["Debt"]


@pytest.fixture
def figure() -> Callable[..., float]:
    """How much a counter has grown since the test began: figure("name_total", by="poll")."""
    before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            before[sample.name, tuple(sorted(sample.labels.items()))] = sample.value

    def grown(name: str, **labels: str) -> float:
        known = before.get((name, tuple(sorted(labels.items()))), 0.0)
        return (REGISTRY.get_sample_value(name, labels) or 0.0) - known

    return grown


def a_minute_passes(one: Breaker | None = None) -> None:
    """For the breaker alone: nobody waits for it, and no slow machine changes what it sees."""
    one = one or breaker("sandbox")
    one.probe_from -= 61
    if one.failed_at is not None:
        one.failed_at -= 61
    courtesy.drop(one._name("probe"))


@pytest.fixture
def quick_breaker(settings) -> Iterator[None]:
    """Three unknowns in a row open it; it probes after a minute that tests let pass at will."""
    settings.BREAKER_UNKNOWNS = 3
    settings.BREAKER_PROBE_SECONDS = settings.BREAKER_SECONDS = 60
    breaker.cache_clear()
    yield
    breaker.cache_clear()
