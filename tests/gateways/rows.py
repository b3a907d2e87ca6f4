"""What every adapter must come through: a row a trouble, a test or a reason for each gateway."""

from collections.abc import Callable
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])

#: Row -> what happens, in words for the page.
ROWS = {
    "create-lost": "the answer to create is lost: the same request finds the same payment",
    "capture-lost": "the answer to our capture is lost: repeated, it takes the money once",
    "close-lost": "the answer to close is lost: asked again, nothing can be paid",
    "refund-lost": "the answer to a refund is lost: repeated, it goes out once",
    "notice-twice": "a notification comes twice: one id, acknowledged as this gateway wants it",
    "notice-order": "notifications come in the wrong order: the query tells the truth",
    "notice-stale": "an old notification is refused where the gateway dates them",
    "notice-forged": "a forged, altered or foreign notification is refused",
    "pay-while-closing": "paid while we close: the close says so",
    "pay-after-close": "paid after our close: impossible, or found as a late capture",
    "pay-after-expiry": "paid after its time: impossible, or found as a late capture",
    "refund-twice": "the same refund twice goes out once; more than is left is refused",
    "refund-fails": "a refund is pending, then fails",
    "unknown": "the gateway cannot tell for some queries: unknown, never declined",
    "wrong-money": "another amount or currency goes through untouched, for the caller to compare",
    "wrong-merchant": "an answer about another merchant or reference is no answer",
    "clock-skew": "our clock or theirs is off: refused as stale, or of no matter",
    "rotation": "keys are changed: old and new are believed while both are told",
    "busy": "429 and 5xx are no answer",
    "tls": "a self-signed certificate or another host's is no answer",
}


def shows(gateway: str, *rows: str) -> Callable[[Test], Test]:
    """Decorator of a test: these rows hold for this gateway because of it."""

    def mark(test: Test) -> Test:
        for row in rows:
            if row not in ROWS:
                raise KeyError(row)
            SHOWN.setdefault((gateway, row), []).append(f"{test.__module__}.{test.__name__}")
        return test

    return mark


def excludes(gateway: str, **reasons: str) -> None:
    """Rows that this gateway's protocol knows not, with the reason (`capture_lost=…`)."""
    for row, reason in reasons.items():
        name = row.replace("_", "-")
        if name not in ROWS:
            raise KeyError(name)
        EXCLUDED[gateway, name] = reason


#: (gateway, row) -> tests; filled while the tests are imported.
SHOWN: dict[tuple[str, str], list[str]] = {}
EXCLUDED: dict[tuple[str, str], str] = {}
