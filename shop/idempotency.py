"""Idempotency keys for HTTP writes, after the IETF httpapi draft.

A client sends the same `Idempotency-Key` with every repeat of one operation. The key's row
is written in the first transaction of the effect and the answer in the transaction that
records the outcome, so a crash between the two leaves a row whose lease runs out and whose
next repeat resumes. A repeat is answered: 409 while the first is in flight, 422 with another
body, else the first answer again. Server errors are never stored.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from shop import courtesy, metrics
from shop.models import IdempotencyKey
from shop.problems import Problem

KEY_FORM = re.compile(r"[\x21-\x7e]{16,128}")


class KeyMissing(Problem):
    """Send an Idempotency-Key header."""

    slug = "idempotency-key-missing"
    title = "This operation needs an Idempotency-Key header."


class KeyMalformed(Problem):
    """Send a key of 16 to 128 visible ASCII characters."""

    slug = "idempotency-key-malformed"
    title = "An Idempotency-Key has 16 to 128 visible ASCII characters."


class KeyInFlight(Problem):
    """The first request with this key has not been answered yet: ask again shortly."""

    status = 409
    slug = "idempotency-key-in-flight"
    title = "The first request with this Idempotency-Key is still being worked on."


class KeyReused(Problem):
    """Use a new key for a new operation."""

    status = 422
    slug = "idempotency-key-reused"
    title = "This Idempotency-Key was used with another request body."


class Replay(Exception):
    """This key was answered before; give the stored answer again."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def key_of(request: HttpRequest) -> str:
    """The request's key. Raises KeyMissing or KeyMalformed."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise KeyMissing
    if not KEY_FORM.fullmatch(key):
        raise KeyMalformed
    return key


def fingerprint(body: Mapping[str, Any]) -> str:
    """The same for every spelling of the same JSON body."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Claim:
    """One client's key for one operation; `scope` is the operation and its path."""

    scope: str
    key: str
    fingerprint: str

    @property
    def cache_name(self) -> str:
        digest = hashlib.sha256(f"{self.scope}\n{self.key}".encode()).hexdigest()
        return f"idempotency:{digest}"

    def recall(self) -> None:
        """Answer a repeat from the cache: no query at all. Raises Replay or KeyReused."""
        known = courtesy.get(self.cache_name)
        if known is not None:
            self._answer(*known)

    def remember(self, status: int, body: Any) -> None:
        """Keep the answer where repeats find it first; call after the commit."""
        courtesy.put(
            self.cache_name,
            (self.fingerprint, status, body),
            seconds=settings.IDEMPOTENCY_KEPT.total_seconds(),
        )

    def take(self, *, now: datetime) -> None:
        """Write the key in the effect's first transaction, or take over a dead request's.

        Raises Replay, KeyReused, or KeyInFlight with the seconds left of the lease.
        """
        lease = now + timedelta(seconds=settings.IDEMPOTENCY_LEASE_SECONDS)
        with connection.cursor() as cursor:
            # One statement decides the race: a new row is ours, an old one only if its
            # request died unanswered and asked for the same thing.
            cursor.execute(
                """
                INSERT INTO shop_idempotencykey AS k
                    (scope, key, fingerprint, created_at, tries, lease_until)
                VALUES (%s, %s, %s, %s, 1, %s)
                ON CONFLICT (scope, key) DO UPDATE
                    SET lease_until = excluded.lease_until, tries = k.tries + 1
                    WHERE k.done_at IS NULL AND k.lease_until < %s
                        AND k.fingerprint = excluded.fingerprint
                RETURNING id
                """,
                [self.scope, self.key, self.fingerprint, now, lease, now],
            )
            if cursor.fetchone():
                return
        self._explain(now)

    def store(self, status: int, body: Any, *, now: datetime) -> None:
        """Keep the answer, in the transaction that records the outcome."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE shop_idempotencykey SET status = %s, body = %s, done_at = %s "
                "WHERE scope = %s AND key = %s",
                [status, json.dumps(body), now, self.scope, self.key],
            )

    def settle(self, status: int, body: Any, *, now: datetime) -> None:
        """Keep the answer of a request that had no effect of its own: key and answer at once.

        So it answers also for a request that died unanswered and whose effect is there by now.
        Raises Replay or KeyReused when the key was answered meanwhile, KeyInFlight when it is at
        work.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO shop_idempotencykey AS k
                    (scope, key, fingerprint, created_at, tries, lease_until, status, body, done_at)
                VALUES (%s, %s, %s, %s, 1, %s, %s, %s, %s)
                ON CONFLICT (scope, key) DO UPDATE
                    SET status = excluded.status, body = excluded.body, done_at = excluded.done_at
                    WHERE k.done_at IS NULL AND k.lease_until <= excluded.lease_until
                        AND k.fingerprint = excluded.fingerprint
                RETURNING id
                """,
                [self.scope, self.key, self.fingerprint, now, now, status, json.dumps(body), now],
            )
            if cursor.fetchone():
                return
        self._explain(now)

    def release(self, *, now: datetime) -> None:
        """Not answered for good: the next request with this key may go on at once."""
        IdempotencyKey.objects.filter(scope=self.scope, key=self.key, done_at=None).update(
            lease_until=now
        )

    def _explain(self, now: datetime) -> None:
        """The key's row is another request's: say what that means for this one."""
        row = IdempotencyKey.objects.get(scope=self.scope, key=self.key)
        if row.done_at is None and row.fingerprint == self.fingerprint:
            left = (row.lease_until - now).total_seconds()
            raise KeyInFlight(retry_after_seconds=min(max(1, round(left)), 3))
        self._answer(row.fingerprint, row.status or 409, row.body)

    def _answer(self, known_fingerprint: str, status: int, body: Any) -> None:
        if known_fingerprint != self.fingerprint:
            raise KeyReused
        metrics.duplicates_stopped.labels("key").inc()
        raise Replay(status, body)
