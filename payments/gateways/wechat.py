"""WeChat Pay (APIv3, Native): `qr` shows a code that the shopper's app scans.

Every answer is signed, also the empty one and the refusals; one that is not, or that is dated
more than five minutes away, is `Unknown`. A notification never makes us ask for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from payments.gateways import base, rsa_keys
from payments.gateways import wechat_answers as answers
from payments.gateways import wechat_bill as bill
from payments.gateways.wechat_platform import PlatformKeys
from payments.gateways.wechat_signing import API_V3_KEY_BYTES, Merchant, Seal, unsealed
from payments.gateways.wechat_talk import Talk
from payments.gateways.wire import parse_json, reading
from payments.gateways.yuan import BEIJING, CURRENCY, bill_made_at, days_in_china

JSON = "application/json"
NOTIFICATION_BYTES_MAX = 64 * 1024
DESCRIPTION_BYTES_MAX, ATTACH_BYTES_MAX, REASON_BYTES_MAX = 127, 127, 80
AMOUNT_MINOR_MAX = 10**10
# How late a request of ours may still arrive; "not found" means nothing before that.
REQUEST_DELAY_SECONDS = 300
CERTIFICATES_EVERY_SECONDS = 60.0
TRADES, REFUNDS = "/v3/pay/transactions", "/v3/refund/domestic/refunds"


class WechatGateway:
    """Its settings are plain keywords. `platform_public_keys` names keys by their PUB_KEY_ID_…;
    with `certificates` those that the gateway tells are believed as well.
    """

    name = "wechat"
    acknowledgement = base.Acknowledgement(204, "", b"")

    def __init__(
        self,
        *,
        base_url: str,
        mchid: str,
        appid: str,
        merchant_serial: str,
        merchant_private_key: str,
        api_v3_keys: Sequence[str],
        platform_public_keys: Mapping[str, str],
        certificates: bool = True,
        certificates_every_seconds: float = CERTIFICATES_EVERY_SECONDS,
        connect_seconds: float = 1.0,
        read_seconds: float = 5.0,
        lifetime_seconds: float = 900,
        request_delay_seconds: float = REQUEST_DELAY_SECONDS,
        late_window_seconds: float = 3 * 24 * 3600,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not (mchid and appid and merchant_serial and merchant_private_key and api_v3_keys):
            raise ValueError("the WeChat Pay gateway needs its merchant, its app and its keys")
        self._api_v3_keys = tuple(key.encode() for key in api_v3_keys)
        if any(len(key) != API_V3_KEY_BYTES for key in self._api_v3_keys):
            raise ValueError("an APIv3 key has 32 bytes")
        self._mchid = mchid
        self._appid = appid
        key = rsa_keys.private_key(merchant_private_key)
        self._talk = Talk(
            base_url,
            Merchant(mchid, merchant_serial, key),
            PlatformKeys(
                platform_public_keys,
                certificates=certificates,
                every_seconds=certificates_every_seconds,
                clock=clock,
            ),
            self._api_v3_keys,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            clock=clock,
        )
        self._lifetime = timedelta(seconds=lifetime_seconds)
        self._request_delay = timedelta(seconds=request_delay_seconds)
        self._late_window = timedelta(seconds=late_window_seconds)
        self._clock = clock

    def methods(self) -> Sequence[base.Capabilities]:
        return [
            base.Capabilities(
                method="qr",
                title="WeChat Pay",
                presentations=("qr",),
                currencies=frozenset({CURRENCY}),
                amount_minor_max=AMOUNT_MINOR_MAX,
                lifetime=self._lifetime,
                not_found_final_after=self._lifetime + self._request_delay,
                late_window=self._late_window,
            )
        ]

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        if request.currency != CURRENCY:
            raise base.Refused("currency")
        body = {
            "appid": self._appid,
            "mchid": self._mchid,
            "description": _cut(request.subject, DESCRIPTION_BYTES_MAX),
            "out_trade_no": request.reference,
            "time_expire": request.expires_at.astimezone(BEIJING).isoformat(timespec="seconds"),
            "attach": _cut(request.order_reference, ATTACH_BYTES_MAX),
            "notify_url": request.notify_url,
            "amount": {"total": request.amount_minor, "currency": request.currency},
        }
        status, answer = self._talk.ask("POST", f"{TRADES}/native", body)
        if answers.code(status, answer) in answers.ASK_AGAIN:
            return self._known_already(request, answers.code(status, answer))
        with reading():
            code_url = answers.accepted(status, answer)["code_url"]
            shown = {
                "text": answers.matching(code_url, answers.CODE_URL),
                "expires_at": request.expires_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            }
        return base.Snapshot(
            base.State.PENDING,
            reference=request.reference,
            merchant=self._mchid,
            order_reference=request.order_reference,
            method=request.method,
            presentation=base.Presentation("qr", shown),
            expires_at=request.expires_at,
        )

    def query(self, payment: base.PaymentRef) -> base.Snapshot:
        path = f"{TRADES}/out-trade-no/{quote(payment.reference, safe='')}"
        status, answer = self._talk.ask("GET", f"{path}?mchid={self._mchid}")
        if status == 404 and answers.code(status, answer) in answers.NOT_FOUND:
            return base.Snapshot(
                base.State.NOT_FOUND,
                reference=payment.reference,
                merchant=self._mchid,
            )
        with reading():
            told = answers.accepted(status, answer)
            if told["mchid"] != self._mchid or told["appid"] != self._appid:
                raise base.Unknown("the answer is about another merchant")
            if told["out_trade_no"] != payment.reference:
                raise base.Unknown("the answer is about another reference")
            return answers.snapshot(told, was_paid=bool(payment.transaction_id))

    def close(self, payment: base.PaymentRef) -> base.CloseResult:
        path = f"{TRADES}/out-trade-no/{quote(payment.reference, safe='')}/close"
        status, answer = self._talk.ask("POST", path, {"mchid": self._mchid})
        if status == 204:
            return base.CloseResult(base.CloseAnswer.CLOSED)
        code = answers.code(status, answer)
        if code in answers.NOT_FOUND:
            return base.CloseResult(base.CloseAnswer.NOT_FOUND)
        if code not in answers.ASK_AGAIN:
            answers.accepted(status, answer)
            raise base.Unknown(f"HTTP {status}")
        snapshot = self.query(payment)
        if snapshot.state is base.State.CAPTURED:
            return base.CloseResult(base.CloseAnswer.ALREADY_PAID, snapshot=snapshot)
        if snapshot.state is base.State.CLOSED:
            return base.CloseResult(base.CloseAnswer.CLOSED, snapshot=snapshot)
        end = payment.request.expires_at if payment.request else payment.created_at + self._lifetime
        dead_after = end + self._request_delay
        return base.CloseResult(base.CloseAnswer.NOT_CLOSABLE, dead_after, snapshot)

    def capture(self, payment: base.PaymentRef, key: str) -> base.Snapshot:
        raise base.Refused("nothing here waits for a capture")

    def refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        amount = {
            "refund": request.amount_minor,
            "total": request.captured_minor,
            "currency": request.currency,
        }
        body = {
            "out_trade_no": request.payment.reference,
            "out_refund_no": request.reference,
            "reason": _cut(request.reason, REASON_BYTES_MAX),
            "amount": amount,
        }
        if request.payment.request is not None:
            body["notify_url"] = request.payment.request.notify_url
        status, answer = self._talk.ask("POST", REFUNDS, body)
        if answers.code(status, answer) in answers.ASK_AGAIN:
            return self._refund_that_was_not_taken(request, answers.code(status, answer))
        return self._refund_snapshot(status, answer, request)

    def query_refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        status, answer = self._talk.ask("GET", f"{REFUNDS}/{quote(request.reference, safe='')}")
        if status == 404 and answers.code(status, answer) in answers.NOT_FOUND:
            return base.RefundSnapshot(base.RefundState.NOT_FOUND)
        return self._refund_snapshot(status, answer, request)

    def parse_notification(self, request: base.RawRequest) -> Sequence[base.NotificationHint]:
        media_type = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
        if media_type != JSON:
            raise base.NotificationRefused(415, "not JSON")
        if len(request.body) > NOTIFICATION_BYTES_MAX:
            raise base.NotificationRefused(400, "too large")
        seal = Seal.of(request.headers)
        # A serial that we do not know is refused and nothing is asked for: whoever sends us
        # noise must not make us call anybody.
        if not seal.is_genuine(request.body, self._talk.keys(seal.serial)):
            raise base.NotificationRefused(401, "bad signature")
        if not seal.is_fresh(self._clock()):
            raise base.NotificationRefused(400, "stale signature")
        try:
            event = parse_json(request.body)
            told = parse_json(unsealed(event["resource"], self._api_v3_keys))
            if told["mchid"] != self._mchid:
                raise base.NotificationRefused(401, "another merchant")
            return [answers.hint(event, told)]
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise base.NotificationRefused(400, "malformed") from problem

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        rows: list[base.StatementRow] = []
        for china_day in days_in_china(day):
            if self._clock() < bill_made_at(china_day):
                raise base.Unknown("the bill of that day is not made yet")
            for kind in bill.KINDS:
                rows += self._bill(china_day, kind)
        return [row for row in rows if row.at.date() == day]

    def _bill(self, china_day: date, kind: str) -> Sequence[base.StatementRow]:
        path = f"/v3/bill/tradebill?bill_date={china_day.isoformat()}&bill_type={kind}"
        status, answer = self._talk.ask("GET", path)
        if answers.code(status, answer) == bill.EMPTY:
            return []
        with reading():
            told = answers.accepted(status, answer)
            content = self._talk.file(told["download_url"])
            return bill.rows(content, told, kind, self._mchid)

    def _known_already(self, request: base.CreateRequest, code: str) -> base.Snapshot:
        """What became of a number that cannot be opened: paid, closed, or nobody knows."""
        snapshot = self.query(
            base.PaymentRef(request.reference, request.method, request.created_at, request=request)
        )
        if snapshot.state in (base.State.CAPTURED, base.State.CLOSED):
            return snapshot
        raise base.Unknown(code)

    def _refund_that_was_not_taken(
        self, request: base.RefundRequest, code: str
    ) -> base.RefundSnapshot:
        """Refused for good only where the gateway knows nothing of the number."""
        told = self.query_refund(request)
        if told.state is base.RefundState.NOT_FOUND:
            raise base.Refused(code)
        if (told.amount_minor, told.currency) != (request.amount_minor, request.currency):
            raise base.Unknown(code)
        return told

    def _refund_snapshot(
        self, status: int, answer: dict[str, Any], request: base.RefundRequest
    ) -> base.RefundSnapshot:
        with reading():
            told = answers.accepted(status, answer)
            if told["out_refund_no"] != request.reference:
                raise base.Unknown("the answer is about another refund")
            if told["out_trade_no"] != request.payment.reference:
                raise base.Unknown("the answer is about a refund of another payment")
            return answers.refund_snapshot(told)


def _cut(words: str, bytes_max: int) -> str:
    """As much as fits, in whole characters."""
    return words.encode()[:bytes_max].decode(errors="ignore")
