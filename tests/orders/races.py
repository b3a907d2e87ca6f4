"""Real threads with real connections, let go at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

ENDS_WITHIN_SECONDS = 60


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call returned or raised; all start together."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [AssertionError("did not end")] * len(calls)

    def run(position: int) -> None:
        try:
            barrier.wait(ENDS_WITHIN_SECONDS)
            results[position] = calls[position]()
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[position] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENDS_WITHIN_SECONDS)
    return results
