"""The simulated bank: `qr` wallet, `redirect` bank page, `card` form, over HTTP and JSON.

Every answer is signed. One whose signature, merchant or reference is not ours is `Unknown`;
amounts and currencies go through untouched, because the caller compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from payments.gateways import base
from payments.gateways import sandbox_answers as answers
from payments.gateways.signatures import TOLERANCE_SECONDS, signature_age
from payments.gateways.wire import Wire, moment, parse_json, reading, whole

JSON = "application/json"
NOTIFICATION_BYTES_MAX = 64 * 1024
LIFETIME_SECONDS = {"qr": 900, "redirect": 900, "card": 1800}
# How late a request of ours may still arrive; "not found" means nothing before that.
REQUEST_DELAY_SECONDS = 300
STATEMENT_PAGES_MAX = 10_000


class SandboxGateway:
    """Its settings are plain keywords; `clock` is read for signatures only."""

    name = "sandbox"
    acknowledgement = base.Acknowledgement()

    def __init__(
        self,
        *,
        base_url: str,
        public_url: str,
        merchant: str,
        api_key: str,
        signing_secret: str,
        webhook_secrets: Sequence[str],
        connect_seconds: float = 1.0,
        read_seconds: float = 5.0,
        lifetime_seconds: Mapping[str, float] = LIFETIME_SECONDS,
        request_delay_seconds: float = REQUEST_DELAY_SECONDS,
        late_window_seconds: float = 3 * 24 * 3600,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not (api_key and signing_secret and webhook_secrets and all(webhook_secrets)):
            raise ValueError("the sandbox gateway needs its key and secrets")
        self._wire = Wire(base_url, connect_seconds=connect_seconds, read_seconds=read_seconds)
        self._public_url = public_url.rstrip("/")
        self._merchant = merchant
        self._api_key = api_key
        self._signing_secrets = (signing_secret,)
        self._webhook_secrets = tuple(webhook_secrets)
        self._lifetimes = {**LIFETIME_SECONDS, **lifetime_seconds}
        self._request_delay = request_delay_seconds
        self._late_window = timedelta(seconds=late_window_seconds)
        self._clock = clock

    def methods(self) -> Sequence[base.Capabilities]:
        offered = (("qr", "Wallet app (QR code)", "qr"), ("redirect", "Online banking", "redirect"),
                   ("card", "Card", "embedded"))  # fmt: skip
        return [
            base.Capabilities(
                method=method,
                title=title,
                presentations=(presentation,),
                lifetime=timedelta(seconds=self._lifetimes[method]),
                not_found_final_after=timedelta(
                    seconds=self._lifetimes[method] + self._request_delay
                ),
                late_window=self._late_window,
                frame_origins=(self._public_url,) if presentation == "embedded" else (),
                frame_url=f"{self._public_url}/card/{{client_token}}",
            )
            for method, title, presentation in offered
        ]

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        body = asdict(request) | {"merchant": self._merchant}
        for ours in ("device", "payer", "ip"):
            del body[ours]
        body["created_at"] = request.created_at.isoformat()
        body["expires_at"] = request.expires_at.isoformat()
        status, answer = self._ask("POST", "/v1/payments", body, key=request.reference)
        if status == 409 and answer.get("error") == "reference_closed":
            return base.Snapshot(
                base.State.CLOSED, reference=request.reference, merchant=self._merchant
            )
        return self._snapshot(answers.accepted(status, answer), request.reference)

    def query(self, payment: base.PaymentRef) -> base.Snapshot:
        status, answer = self._ask("GET", f"/v1/payments/{payment.reference}")
        if answers.is_not_found(status, answer):
            return base.Snapshot(
                base.State.NOT_FOUND, reference=payment.reference, merchant=self._merchant
            )
        return self._snapshot(answers.accepted(status, answer), payment.reference)

    def close(self, payment: base.PaymentRef) -> base.CloseResult:
        wish = {"merchant": self._merchant, "method": payment.method}
        status, answer = self._ask("POST", f"/v1/payments/{payment.reference}/close", wish)
        if answers.is_not_found(status, answer):
            return base.CloseResult(base.CloseAnswer.NOT_FOUND)
        with reading():
            result = base.CloseAnswer(answers.accepted(status, answer)["result"])
            dead_after = moment(answer["dead_after"]) if answer["dead_after"] else None
            snapshot = self._snapshot(answer["payment"], payment.reference)
            return base.CloseResult(result, dead_after, snapshot)

    def capture(self, payment: base.PaymentRef, key: str) -> base.Snapshot:
        raise base.Refused("nothing here waits for a capture")

    def refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        body = {
            "merchant": self._merchant,
            "reference": request.reference,
            "payment_reference": request.payment.reference,
            "transaction_id": request.payment.transaction_id,
            "amount_minor": request.amount_minor,
            "currency": request.currency,
            "reason": request.reason,
        }
        status, answer = self._ask("POST", "/v1/refunds", body, key=request.reference)
        return self._refund_snapshot(answers.accepted(status, answer), request)

    def query_refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        status, answer = self._ask("GET", f"/v1/refunds/{request.reference}")
        if answers.is_not_found(status, answer):
            return base.RefundSnapshot(base.RefundState.NOT_FOUND)
        return self._refund_snapshot(answers.accepted(status, answer), request)

    def parse_notification(self, request: base.RawRequest) -> Sequence[base.NotificationHint]:
        header = request.headers.get("sandbox-signature", "")
        media_type = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
        if media_type != JSON:
            raise base.NotificationRefused(415, "not JSON")
        if len(request.body) > NOTIFICATION_BYTES_MAX:
            raise base.NotificationRefused(400, "too large")
        # Before parsing: an unsigned body never reaches our JSON decoder.
        if (
            age := signature_age(header, request.body, self._webhook_secrets, self._clock())
        ) is None:
            raise base.NotificationRefused(401, "bad signature")
        if age > TOLERANCE_SECONDS:
            raise base.NotificationRefused(400, "stale signature")
        try:
            event = parse_json(request.body)
            if event["merchant"] != self._merchant:
                raise base.NotificationRefused(401, "another merchant")
            return [answers.hint(event)]
        except (KeyError, ValueError) as problem:
            raise base.NotificationRefused(400, "malformed") from problem

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        rows: list[base.StatementRow] = []
        after = 0
        for _ in range(STATEMENT_PAGES_MAX):
            path = f"/v1/statement?day={day.isoformat()}&after={after}"
            with reading():
                page = answers.accepted(*self._ask("GET", path))
                if page["merchant"] != self._merchant or page["day"] != day.isoformat():
                    raise base.Unknown("a statement for somebody else or another day")
                rows += [answers.statement_row(row) for row in page["rows"]]
                if page["next"] is None:
                    return rows
                after = whole(page["next"])
        raise base.Unknown("a statement without end")

    def _ask(
        self, method: str, path: str, body: object = None, key: str = ""
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._api_key}"} | (
            {"Idempotency-Key": key} if key else {}
        )
        answer = self._wire.send(method, path, headers, body)
        header = answer.headers.get("sandbox-signature", "")
        age = signature_age(header, answer.body, self._signing_secrets, self._clock())
        if age is None or age > TOLERANCE_SECONDS:
            raise base.Unknown("the answer's signature is not the bank's, or old")
        with reading():
            return answer.status, parse_json(answer.body)

    def _own(self, answer: dict[str, Any], reference: str) -> None:
        if answer["merchant"] != self._merchant or answer["reference"] != reference:
            raise base.Unknown("the answer is about another merchant or reference")

    def _snapshot(self, answer: dict[str, Any], reference: str) -> base.Snapshot:
        with reading():
            self._own(answer, reference)
            return answers.snapshot(answer)

    def _refund_snapshot(
        self, answer: dict[str, Any], request: base.RefundRequest
    ) -> base.RefundSnapshot:
        with reading():
            self._own(answer, request.reference)
            if answer["payment_reference"] != request.payment.reference:
                raise base.Unknown("the answer is about a refund of another payment")
            return answers.refund_snapshot(answer)
