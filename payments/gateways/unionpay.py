"""UnionPay's online gateway (ACP 5.1.0): `web` bank card page and `qr` code, in CNY.

A payment is named by our reference *and* the second in which it was made (orderId, txnTime).
Nothing can be closed: payTimeout ends it, and before that neither "failed" nor "processing" nor
"not found" is final. `web` is a form that the shopper's browser posts: no call is made for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from payments.gateways import base, unionpay_statement
from payments.gateways import unionpay_answers as answers
from payments.gateways.unionpay_signing import UNIONPAY, NotGenuine, Seal, Trust
from payments.gateways.unionpay_talk import FORM, Talk
from payments.gateways.wire import Wire, reading

NOTIFICATION_BYTES_MAX = 64 * 1024
# Suggested by the provider's sample: after it, new payments are refused.
LIFETIME_SECONDS = 900
# How late a form may still be read, and how far apart clocks are.
REQUEST_DELAY_SECONDS = 300
# A bank page that succeeds after payTimeout is returned by UnionPay in some five working days.
LATE_SECONDS = 7 * 24 * 3600
# txnAmt has twelve digits.
AMOUNT_MINOR_MAX = 10**12 - 1
# method -> (title, presentation)
METHODS = {"web": ("UnionPay card", "form_post"), "qr": ("UnionPay QR code", "qr")}


class UnionpayGateway:
    """Its settings are plain keywords; `public_url` is where browsers reach `base_url`."""

    name = "unionpay"
    # HTTP 200 acknowledges; the body is not read.
    acknowledgement = base.Acknowledgement()

    def __init__(
        self,
        *,
        base_url: str,
        public_url: str,
        files_url: str,
        merchant: str,
        certificate: bytes,
        certificate_password: str,
        middle_certificates: str,
        root_certificates: str,
        signer: str = UNIONPAY,
        connect_seconds: float = 1.0,
        read_seconds: float = 5.0,
        lifetime_seconds: float = LIFETIME_SECONDS,
        request_delay_seconds: float = REQUEST_DELAY_SECONDS,
        late_window_seconds: float = LATE_SECONDS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not (merchant and certificate_password):
            raise ValueError("UnionPay needs its merchant and the password of the certificate")

        def wire(url: str) -> Wire:
            return Wire(url, connect_seconds=connect_seconds, read_seconds=read_seconds)

        self._public_url = public_url.rstrip("/")
        self._merchant = merchant
        self._seal = Seal(certificate, certificate_password)
        self._trust = Trust(middle_certificates, root_certificates, signer)
        self._talk = Talk(
            gateway=wire(base_url),
            files=wire(files_url),
            merchant=merchant,
            seal=self._seal,
            trust=self._trust,
            clock=clock,
        )
        self._lifetime = timedelta(seconds=lifetime_seconds)
        self._request_delay = timedelta(seconds=request_delay_seconds)
        self._late_window = timedelta(seconds=late_window_seconds)
        self._clock = clock

    def methods(self) -> Sequence[base.Capabilities]:
        return [
            base.Capabilities(
                method=method,
                title=title,
                presentations=(presentation,),
                currencies=frozenset({"CNY"}),
                amount_minor_max=AMOUNT_MINOR_MAX,
                lifetime=self._lifetime,
                not_found_final_after=self._lifetime + self._request_delay,
                late_window=self._late_window,
            )
            for method, (title, presentation) in METHODS.items()
        ]

    def create(self, request: base.CreateRequest) -> base.Snapshot:
        if request.currency != "CNY" or request.method not in METHODS:
            raise base.Refused("unionpay_takes_cny_by_web_or_qr")
        if "?" in request.notify_url:
            # UnionPay's notifications to such an address fail their own signature.
            raise base.Refused("unionpay_wants_a_notify_url_without_a_query")
        fields = self._talk.wish(request)
        if request.method == "web":
            told = {"frontUrl": request.return_url, **fields}
            url = f"{self._public_url}/frontTransReq.do"
            shown = {"url": url, "fields": self._seal.signed(told)}
            return self._opened(request, base.Presentation("form_post", shown))
        answer = self._talk.ask("/backTransReq.do", fields)
        if answer["respCode"] == answers.REPEATED:
            # An earlier send arrived. What it answered, the code, cannot be had again.
            return self._known(_named(request))
        if answer["respCode"] != "00":
            answers.refuse(answer["respCode"])
        with reading():
            until = _to_the_second(request.expires_at)
            shown = {"text": answer["qrCode"], "expires_at": until.isoformat()}
        return self._opened(request, base.Presentation("qr", shown))

    def query(self, payment: base.PaymentRef) -> base.Snapshot:
        answer = self._talk.find(payment.reference, self._opened_at(payment), "01")
        if answer is None:
            return base.Snapshot(
                base.State.NOT_FOUND, reference=payment.reference, merchant=self._merchant
            )
        # A margin, because this clock and UnionPay's are not one.
        over = self._clock() > self._dead_after(payment) + self._request_delay
        with reading():
            return answers.snapshot(answer, is_over=over)

    def close(self, payment: base.PaymentRef) -> base.CloseResult:
        """UnionPay closes nothing; says what is already so, or until when it can be paid."""
        snapshot = self.query(payment)
        if snapshot.state is base.State.CAPTURED:
            return base.CloseResult(base.CloseAnswer.ALREADY_PAID, snapshot=snapshot)
        if snapshot.state in (base.State.CLOSED, base.State.DECLINED):
            return base.CloseResult(base.CloseAnswer.CLOSED, snapshot=snapshot)
        return base.CloseResult(
            base.CloseAnswer.NOT_CLOSABLE, self._dead_after(payment), snapshot=snapshot
        )

    def capture(self, payment: base.PaymentRef, key: str) -> base.Snapshot:
        raise base.Refused("nothing here waits for a capture")

    def refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        answer = self._talk.ask("/backTransReq.do", self._talk.giving_back(request))
        if answer["respCode"] == answers.REPEATED:
            known = self.query_refund(request)
            if known.state is base.RefundState.NOT_FOUND:
                raise base.Unknown("a refund that is repeated and not found")
            return known
        if answer["respCode"] != "00":
            answers.refuse(answer["respCode"])
        # 00 says that it was accepted, not that it was done (provider's sample).
        return base.RefundSnapshot(base.RefundState.PENDING)

    def query_refund(self, request: base.RefundRequest) -> base.RefundSnapshot:
        answer = self._talk.find(request.reference, request.created_at, "04")
        if answer is None:
            return base.RefundSnapshot(base.RefundState.NOT_FOUND)
        with reading():
            if answers.own_words(answer) != request.payment.reference:
                raise base.Unknown("the answer is about a refund of another payment")
            return answers.refund_snapshot(answer)

    def parse_notification(self, request: base.RawRequest) -> Sequence[base.NotificationHint]:
        media_type = request.headers.get("content-type", FORM).split(";")[0].strip().lower()
        if media_type != FORM:
            raise base.NotificationRefused(415, "not a form")
        if len(request.body) > NOTIFICATION_BYTES_MAX:
            raise base.NotificationRefused(400, "too large")
        try:
            # The body alone: what stands in the address was never signed.
            fields = answers.parse_form(request.body)
        except ValueError as problem:
            raise base.NotificationRefused(400, "malformed") from problem
        try:
            self._trust.check(fields, self._clock())
        except NotGenuine as problem:
            raise base.NotificationRefused(401, "bad signature") from problem
        if fields.get("merId") != self._merchant:
            raise base.NotificationRefused(401, "another merchant")
        try:
            return [answers.hint(fields)]
        except (KeyError, ValueError) as problem:
            raise base.NotificationRefused(400, "malformed") from problem

    def statement(self, day: date) -> Sequence[base.StatementRow]:
        rows: list[base.StatementRow] = []
        # A clearing day runs from 23:00 to 23:00 in Beijing: a UTC day lies in two of them.
        for clearing_day in (day, day + timedelta(days=1)):
            answer = self._talk.file(clearing_day)
            if answer is not None:
                with reading():
                    rows += unionpay_statement.rows(
                        answer["fileContent"], clearing_day, self._merchant
                    )
        return [row for row in rows if row.at.astimezone(UTC).date() == day]

    def _opened(
        self, request: base.CreateRequest, presentation: base.Presentation
    ) -> base.Snapshot:
        return base.Snapshot(
            base.State.PENDING,
            reference=request.reference,
            merchant=self._merchant,
            order_reference=request.order_reference,
            method=request.method,
            presentation=presentation,
            expires_at=_to_the_second(request.expires_at),
        )

    def _known(self, payment: base.PaymentRef) -> base.Snapshot:
        snapshot = self.query(payment)
        if snapshot.state is base.State.NOT_FOUND:
            raise base.Unknown("a payment that is repeated and not found")
        return snapshot

    def _opened_at(self, payment: base.PaymentRef) -> datetime:
        return payment.request.created_at if payment.request else payment.created_at

    def _dead_after(self, payment: base.PaymentRef) -> datetime:
        if payment.request:
            return _to_the_second(payment.request.expires_at)
        return payment.created_at + self._lifetime


def _named(request: base.CreateRequest) -> base.PaymentRef:
    return base.PaymentRef(request.reference, request.method, request.created_at, request=request)


def _to_the_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
