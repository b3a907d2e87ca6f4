"""PayPal's webhooks: signed by a certificate that the delivery itself names.

The signature is over a crc32 of the body, which anybody can bend: a verified event is a hint and
nothing more (PayPal's webhook documentation; measured). Whose certificate it is decides all.
"""

from __future__ import annotations

import re
import threading
import zlib
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from payments.gateways import base
from payments.gateways import paypal_answers as answers
from payments.gateways.wire import Wire, moment, parse_json, text

BODY_BYTES_MAX = 256 * 1024
HEADERS = ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")
ALGORITHM = "SHA256withRSA"
# Deliveries are repeated for three days, perhaps with the time of the first one.
PAST = timedelta(days=3, hours=1)
FUTURE = timedelta(minutes=5)
CERTIFICATE_PATH = re.compile(r"/v1/notifications/certs/CERT-[A-Za-z0-9-]{8,64}", re.ASCII)
TRANSMISSION = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
SIGNATURE = re.compile(r"[A-Za-z0-9+/]{100,1400}={0,2}", re.ASCII)
EVENT = re.compile(r"WH-[A-Za-z0-9-]{3,90}", re.ASCII)
KIND = re.compile(r"[A-Z]{1,20}(?:[.-][A-Z-]{1,20}){1,2}", re.ASCII)
REFERENCE = re.compile(r"[0-9A-Za-z_-]{6,40}", re.ASCII)
KNOWN_MAX = 8
KNOWN_FOR = timedelta(days=1)
# A knock with an invented certificate makes us ask PayPal: so often a minute and no oftener.
FETCHES_PER_MINUTE = 6


class Certificates:
    """The keys that may have signed: fetched from listed hosts only, chained to our anchor.

    `hosts` maps each exact host name to the address that is asked for it; the delivery's own
    address is never connected to, only its path is used.
    """

    def __init__(
        self,
        *,
        hosts: Mapping[str, Wire],
        anchors: bytes,
        name: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._hosts = dict(hosts)
        self._store = Store(x509.load_pem_x509_certificates(anchors))
        self._name = x509.DNSName(name)
        self._clock = clock
        self._known: dict[str, tuple[rsa.RSAPublicKey, datetime]] = {}
        self._fetched: deque[datetime] = deque(maxlen=FETCHES_PER_MINUTE)
        self._lock = threading.Lock()

    def key(self, url: str) -> rsa.RSAPublicKey:
        """The key behind a delivery's certificate address; raises NotificationRefused."""
        wire, path = self._place(url)
        now = self._clock()
        # Outside of the lock: who brings a known certificate waits for nobody's fetch.
        if (key := self._fresh(url, now)) is not None:
            return key
        with self._lock:
            if (key := self._fresh(url, now)) is not None:
                return key
            if url not in self._known:
                self._count(now)
            key, until = self._checked(self._fetch(wire, path), now)
            if url not in self._known and len(self._known) >= KNOWN_MAX:
                self._known.pop(next(iter(self._known)))
            self._known[url] = key, min(until, now + KNOWN_FOR)
            return key

    def _fresh(self, url: str, now: datetime) -> rsa.RSAPublicKey | None:
        known = self._known.get(url)
        return known[0] if known is not None and now < known[1] else None

    def _count(self, now: datetime) -> None:
        """Only addresses that never proved good are counted: nobody can use those up."""
        full = len(self._fetched) == FETCHES_PER_MINUTE
        if full and now - self._fetched[0] < timedelta(minutes=1):
            raise base.NotificationRefused(503, "too many certificates")
        self._fetched.append(now)

    def _place(self, url: str) -> tuple[Wire, str]:
        """Exactly https://<listed host>/<path of a certificate>: no port, no user, no more."""
        try:
            host = urlsplit(url).netloc
        except ValueError:
            host = ""
        path = url.removeprefix(f"https://{host}")
        if host not in self._hosts or not CERTIFICATE_PATH.fullmatch(path):
            raise base.NotificationRefused(401, "a certificate from elsewhere")
        return self._hosts[host], path

    def _fetch(self, wire: Wire, path: str) -> bytes:
        try:
            answer = wire.send("GET", path, {})
        except base.Unknown as doubt:
            # It may be genuine; PayPal sends it again.
            raise base.NotificationRefused(503, "no certificate now") from doubt
        if answer.status != 200:
            raise base.NotificationRefused(401, "no such certificate")
        return answer.body

    def _checked(self, pem: bytes, now: datetime) -> tuple[rsa.RSAPublicKey, datetime]:
        try:
            leaf, *rest = x509.load_pem_x509_certificates(pem)
            builder = PolicyBuilder().store(self._store).time(now)
            builder.build_server_verifier(self._name).verify(leaf, rest)
            key = leaf.public_key()
        except (ValueError, VerificationError, x509.UnsupportedGeneralNameType) as problem:
            raise base.NotificationRefused(401, "not PayPal's certificate") from problem
        if not isinstance(key, rsa.RSAPublicKey):
            raise base.NotificationRefused(401, "not PayPal's certificate")
        return key, leaf.not_valid_after_utc


def verify(
    request: base.RawRequest, webhook_id: str, certificates: Certificates, now: datetime
) -> None:
    """Raises NotificationRefused unless PayPal signed this delivery to this webhook."""
    told = {name: request.headers.get(f"paypal-{name}", "") for name in HEADERS}
    signature = told["transmission-sig"]
    if told["auth-algo"] != ALGORITHM or not SIGNATURE.fullmatch(signature):
        raise base.NotificationRefused(401, "bad signature")
    if not TRANSMISSION.fullmatch(told["transmission-id"]):
        raise base.NotificationRefused(401, "bad signature")
    try:
        sent_at = moment(told["transmission-time"])
    except ValueError:
        raise base.NotificationRefused(401, "bad signature") from None
    # Before any certificate is fetched: an old delivery costs nobody a request.
    if not now - PAST <= sent_at <= now + FUTURE:
        raise base.NotificationRefused(400, "stale signature")
    signed = "|".join((told["transmission-id"], told["transmission-time"], webhook_id,
                       str(zlib.crc32(request.body))))  # fmt: skip
    try:
        key = certificates.key(told["cert-url"])
        key.verify(b64decode(signature), signed.encode(), padding.PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError) as problem:
        raise base.NotificationRefused(401, "bad signature") from problem


def hints(body: bytes) -> list[base.NotificationHint]:
    """Whom a verified event is about; nobody, where it carries no word of ours."""
    event = parse_json(body)
    told = _match(KIND, event["event_type"])
    about = answers.within(event, "resource")
    hint = _hint(_match(EVENT, event["id"]), told, about)
    return [hint] if hint.reference or hint.refund_reference else []


def _hint(event_id: str, told: str, about: Mapping[str, Any]) -> base.NotificationHint:
    kind = told.lower()
    related = answers.within(answers.within(about, "supplementary_data"), "related_ids")
    checkout_id = text(related.get("order_id") or "")
    if told.startswith("CHECKOUT.ORDER."):
        (unit,) = answers.rows(about, "purchase_units")
        return base.NotificationHint(
            event_id, kind, _reference(unit.get("invoice_id")), gateway_id=text(about["id"])
        )
    if told == "CUSTOMER.DISPUTE.CREATED":
        first = answers.rows(about, "disputed_transactions")[0]
        return base.NotificationHint(
            event_id, "payment.disputed", _reference(first.get("invoice_number"))
        )
    # A refund is the resource of these, whatever their names say.
    is_refund = told in ("PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED")
    is_refund = is_refund or told.startswith("PAYMENT.REFUND.")
    return base.NotificationHint(
        event_id,
        kind,
        _reference(about.get("invoice_id")),
        _reference(about.get("custom_id")) if is_refund else "",
        checkout_id,
    )


def _reference(value: object) -> str:
    return "" if value is None else _match(REFERENCE, value)


def _match(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the agreed form")
    return value
