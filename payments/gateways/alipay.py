"""Alipay (gateway.do, RSA2): `qr` shows a code, `page` leads to its pages, `app` opens its app.

A trade comes into being when the shopper scans or logs in, not before: until then the gateway
says TRADE_NOT_EXIST while the code or link can be paid. That is `PENDING` until the link is
dead. Nothing is ever cancelled: alipay.trade.cancel sends a paid trade's money back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from payments.gateways import alipay_answers as answers
from payments.gateways import base, rsa_keys
from payments.gateways.alipay_signing import (
    form_fields,
    notification_string,
    opened,
    request_string,
)
from payments.gateways.wire import Wire, reading
from payments.gateways.yuan import CURRENCY, beijing_time, in_yuan

FORM = "application/x-www-form-urlencoded"
NOTIFICATION_BYTES_MAX = 64 * 1024
SUBJECT_MAX = 256
# The subject must not hold these (the provider's parameter table).
SUBJECT_REFUSED = re.compile(r"[/=&\x00-\x1f\x7f]")
# How late a request of ours may still arrive; "not found" means nothing before that.
REQUEST_DELAY_SECONDS = 300
AMOUNT_MINOR_MAX = 10**10  # 100,000,000.00 yuan, the largest total_amount
# (our method, the shopper's device) -> (what it is called there, its product)
PAGES = {
    ("page", "desktop"): ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    ("page", "phone"): ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    ("app", "desktop"): ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    ("app", "phone"): ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
}


class AlipayGateway:
    """Its settings are plain keywords; keys are a PEM or the bare base64 of the desk."""

    name = "alipay"
    # Exactly these seven letters; anything else is told again, up to 25 hours long.
    acknowledgement = base.Acknowledgement(200, "text/plain", b"success")

    def __init__(
        self,
        *,
        base_url: str,
        public_url: str,
        app_id: str,
        seller_id: str,
        app_private_key: str,
        gateway_public_keys: Sequence[str],
        connect_seconds: float = 1.0,
        read_seconds: float = 5.0,
        lifetime_seconds: float = 900,
        request_delay_seconds: float = REQUEST_DELAY_SECONDS,
        late_window_seconds: float = 3 * 24 * 3600,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not (app_id and seller_id and app_private_key and gateway_public_keys):
            raise ValueError("the Alipay gateway needs its app, its seller and its keys")
        self._wire = Wire(base_url, connect_seconds=connect_seconds, read_seconds=read_seconds)
        self._public_url = public_url.rstrip("/")
        self._app_id = app_id
        self._seller_id = seller_id
        self._key = rsa_keys.private_key(app_private_key)
        self._gateway_keys = tuple(rsa_keys.public_key(key) for key in gateway_public_keys)
        self._lifetime = timedelta(seconds=lifetime_seconds)
        self._request_delay = timedelta(seconds=request_delay_seconds)
        self._late_window = timedelta(seconds=late_window_seconds)
        self._clock = clock

    def methods(self) -> Sequence[base.Capabilities]:
        offered = (("qr", "Alipay (QR code)", "qr"), ("page", "Alipay", "redirect"),
                   ("app", "Alipay app", "embedded"))  # fmt: skip
        return [
            base.Capabilities(
                method=method,
                title=title,
                presentations=(presentation,),
                currencies=frozenset({CURRENCY}),
                amount_minor_max=AMOUNT_MINOR_MAX,
                lifetime=self._lifetime,
                not_found_final_after=self._lifetime + self._request_delay,
                late_window=self._late_window,
            )
            for method, title, presentation in offered
        ]

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        if request.currency != CURRENCY:
            raise base.Refused("currency")
        if request.method == "qr":
            return self._precreate(request)
        if (request.method, request.device) not in PAGES:
            raise base.Refused("method")
        method, product = PAGES[request.method, request.device]
        content = self._content(request) | {"product_code": product}
        back = {"return_url": request.return_url} if request.method == "page" else {}
        # Signed here and carried by the shopper: the gateway hears of it from them. Dated like
        # the request, so that the same request makes the same link.
        fields = self._signed(
            method, content, at=request.created_at, notify_url=request.notify_url, **back
        )
        if request.method == "app":
            shown = {"provider": self.name, "public_key": self._app_id}
            shown["client_token"] = urlencode(fields)
            presentation = base.Presentation("embedded", shown, ("client_token",))
            return self._opened(request, presentation)
        url = f"{self._public_url}/gateway.do?{urlencode(fields)}"
        return self._opened(request, base.Presentation("redirect", {"url": url}))

    def query(self, payment: base.PaymentRef) -> base.Snapshot:
        answer = self._ask("alipay.trade.query", {"out_trade_no": payment.reference})
        with reading():
            if answers.failure(answer) == answers.NOT_SEEN:
                return self._not_seen(payment)
            self._own(answers.accepted(answer), payment.reference)
            was_paid = bool(payment.transaction_id)
            return answers.snapshot(answer, self._app_id, was_paid=was_paid)

    def close(self, payment: base.PaymentRef) -> base.CloseResult:
        answer = self._ask("alipay.trade.close", {"out_trade_no": payment.reference})
        with reading():
            code = answers.failure(answer)
            if code == answers.NOT_SEEN:
                # Nothing to close yet, and still payable: a code that nobody scanned.
                return self._not_closable(self._not_seen(payment), payment)
            if code not in answers.DECIDED_EARLIER:
                self._own(answers.accepted(answer), payment.reference)
                return base.CloseResult(base.CloseAnswer.CLOSED)
        snapshot = self.query(payment)
        if snapshot.state is base.State.CAPTURED:
            return base.CloseResult(base.CloseAnswer.ALREADY_PAID, snapshot=snapshot)
        if snapshot.state is base.State.CLOSED:
            return base.CloseResult(base.CloseAnswer.CLOSED, snapshot=snapshot)
        return self._not_closable(snapshot, payment)

    def capture(self, payment: base.PaymentRef, key: str) -> base.Snapshot:
        raise base.Refused("nothing here waits for a capture")

    def refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        content = {
            "out_trade_no": request.payment.reference,
            "out_request_no": request.reference,
            "refund_amount": in_yuan(request.amount_minor),
            "refund_reason": request.reason[:SUBJECT_MAX],
        }
        if request.currency != CURRENCY:
            content["refund_currency"] = request.currency
        answer = self._ask("alipay.trade.refund", content)
        with reading():
            self._own(answers.accepted(answer), request.payment.reference)
        # "Y": money moved just now. "N": not now, but perhaps before. Its query knows.
        told = self.query_refund(request)
        if told.state is base.RefundState.NOT_FOUND:
            return base.RefundSnapshot(base.RefundState.PENDING)
        return told

    def query_refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        content = {
            "out_trade_no": request.payment.reference,
            "out_request_no": request.reference,
        }
        answer = self._ask("alipay.trade.fastpay.refund.query", content)
        with reading():
            if answers.failure(answer) == answers.NOT_SEEN:
                return base.RefundSnapshot(base.RefundState.NOT_FOUND)
            told = answers.refund_snapshot(answers.accepted(answer))
            if told.state is base.RefundState.DONE:
                self._own(answer, request.payment.reference)
                if answer["out_request_no"] != request.reference:
                    raise base.Unknown("the answer is about another refund")
            return told

    def parse_notification(self, request: base.RawRequest) -> Sequence[base.NotificationHint]:
        media_type = request.headers.get("content-type", FORM).split(";")[0].strip().lower()
        if media_type != FORM:
            raise base.NotificationRefused(415, "not a form")
        if len(request.body) > NOTIFICATION_BYTES_MAX:
            raise base.NotificationRefused(400, "too large")
        try:
            fields = form_fields(request.body)
        except ValueError as problem:
            raise base.NotificationRefused(400, "malformed") from problem
        message = notification_string(fields).encode()
        if fields.get("sign_type") != "RSA2" or not rsa_keys.is_signed_by(
            self._gateway_keys, message, fields.get("sign", "")
        ):
            raise base.NotificationRefused(401, "bad signature")
        if fields.get("app_id") != self._app_id or fields.get("seller_id") != self._seller_id:
            raise base.NotificationRefused(401, "another merchant")
        try:
            return [answers.hint(fields)]
        except (KeyError, ValueError) as problem:
            raise base.NotificationRefused(400, "malformed") from problem

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        raise base.NoStatement("Alipay's bill is a file of a day in China, made the next morning")

    def _precreate(self, request: base.CreateRequest) -> base.Snapshot:
        minutes = -(-(request.expires_at - request.created_at) // timedelta(minutes=1))
        content = self._content(request) | {"qr_code_timeout_express": f"{max(minutes, 1)}m"}
        answer = self._ask("alipay.trade.precreate", content, notify_url=request.notify_url)
        with reading():
            if answers.failure(answer) in answers.DECIDED_EARLIER:
                payment = base.PaymentRef(
                    request.reference, request.method, request.created_at, request=request
                )
                return self.query(payment)
            self._own(answers.accepted(answer), request.reference)
            expires_at = request.expires_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
            shown = {"text": answers.address(answer["qr_code"]), "expires_at": expires_at}
            return self._opened(request, base.Presentation("qr", shown))

    def _content(self, request: base.CreateRequest) -> dict[str, str]:
        return {
            "out_trade_no": request.reference,
            "total_amount": in_yuan(request.amount_minor),
            "subject": SUBJECT_REFUSED.sub(" ", request.subject)[:SUBJECT_MAX],
            "body": request.order_reference,
            # The last moment to pay, also where the link was signed or asked for twice.
            "time_expire": beijing_time(request.expires_at),
        }

    def _signed(
        self, method: str, content: Mapping[str, str], *, at: datetime, **more: str
    ) -> dict[str, str]:
        fields = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": beijing_time(at),
            "version": "1.0",
            "biz_content": json.dumps(content, separators=(",", ":"), ensure_ascii=False),
        } | more
        fields = {name: value for name, value in fields.items() if value}
        return fields | {"sign": rsa_keys.signed(self._key, request_string(fields).encode())}

    def _ask(self, method: str, content: Mapping[str, str], **more: str) -> dict[str, Any]:
        fields = self._signed(method, content, at=self._clock(), **more)
        headers = {"Content-Type": f"{FORM};charset=utf-8"}
        sent = urlencode(fields).encode()
        answer = self._wire.send("POST", "/gateway.do", headers, sent)
        with reading():
            inner, exact, signature = opened(answer.body, method.replace(".", "_") + "_response")
        if not rsa_keys.is_signed_by(self._gateway_keys, exact, signature):
            raise base.Unknown("the answer's signature is not the gateway's")
        return inner

    def _own(self, answer: Mapping[str, Any], reference: str) -> None:
        # The key pair is this app's alone, so a good signature names the merchant too.
        if answer["out_trade_no"] != reference:
            raise base.Unknown("the answer is about another reference")

    def _opened(
        self, request: base.CreateRequest, presentation: base.Presentation
    ) -> base.Snapshot:
        return base.Snapshot(
            base.State.PENDING,
            reference=request.reference,
            merchant=self._app_id,
            order_reference=request.order_reference,
            method=request.method,
            presentation=presentation,
            expires_at=request.expires_at,
        )

    def _dead_after(self, payment: base.PaymentRef) -> datetime:
        """When nobody can scan or log in any more, with what our clocks may differ by."""
        asked = payment.request
        end = asked.expires_at if asked else payment.created_at + self._lifetime
        return end + self._request_delay

    def _not_seen(self, payment: base.PaymentRef) -> base.Snapshot:
        dead = self._clock() > self._dead_after(payment)
        state = base.State.NOT_FOUND if dead else base.State.PENDING
        return base.Snapshot(state, reference=payment.reference, merchant=self._app_id)

    def _not_closable(self, snapshot: base.Snapshot, payment: base.PaymentRef) -> base.CloseResult:
        if snapshot.state is base.State.NOT_FOUND:
            return base.CloseResult(base.CloseAnswer.NOT_FOUND, snapshot=snapshot)
        dead_after = self._dead_after(payment)
        return base.CloseResult(base.CloseAnswer.NOT_CLOSABLE, dead_after, snapshot)
