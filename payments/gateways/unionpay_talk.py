"""Messages to UnionPay and back: built, signed, sent, and believed only when they verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from payments.gateways import base
from payments.gateways import unionpay_answers as answers
from payments.gateways.unionpay_signing import NotGenuine, Seal, Trust
from payments.gateways.wire import Wire, reading

FORM = "application/x-www-form-urlencoded"
# method -> (txnSubType, bizType)
PRODUCTS = {"web": ("01", "000201"), "qr": ("07", "000000")}
# The address that tells UnionPay to send no notification (provider's documentation).
NOBODY = "http://www.specialUrl.com"


class Talk:
    """One merchant's conversation with UnionPay."""

    def __init__(
        self,
        *,
        gateway: Wire,
        files: Wire,
        merchant: str,
        seal: Seal,
        trust: Trust,
        clock: Callable[[], datetime],
    ) -> None:
        self._gateway = gateway
        self._files = files
        self._merchant = merchant
        self._seal = seal
        self._trust = trust
        self._clock = clock

    def wish(self, request: base.CreateRequest) -> dict[str, str]:
        subtype, business = PRODUCTS[request.method]
        return {
            **self._named(request.reference, request.created_at, "01", subtype, business),
            "channelType": "08" if request.method == "qr" or request.device == "phone" else "07",
            "currencyCode": "156",
            "txnAmt": str(request.amount_minor),
            "payTimeout": answers.beijing(request.expires_at),
            "backUrl": request.notify_url,
            "reqReserved": answers.reserved(request.order_reference),
        }

    def _named(
        self, reference: str, at: datetime, txn_type: str, subtype: str, business: str
    ) -> dict[str, str]:
        """What every message begins with; orderId and txnTime together are its identity."""
        if not answers.REFERENCE.fullmatch(reference):
            raise base.Refused("unionpay_wants_letters_and_digits")
        return {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "txnType": txn_type,
            "txnSubType": subtype,
            "bizType": business,
            "accessType": "0",
            "channelType": "07",
            "merId": self._merchant,
            "orderId": reference,
            "txnTime": answers.beijing(at),
        }

    def giving_back(self, request: base.RefundRequest) -> dict[str, str]:
        """The message of a refund."""
        _, business = PRODUCTS.get(request.payment.method, PRODUCTS["web"])
        asked = request.payment.request
        return {
            **self._named(request.reference, request.created_at, "04", "00", business),
            "origQryId": request.payment.transaction_id,
            "txnAmt": str(request.amount_minor),
            "backUrl": asked.notify_url if asked and "?" not in asked.notify_url else NOBODY,
            "reqReserved": answers.reserved(request.payment.reference),
        }

    def find(self, reference: str, at: datetime, txn_type: str) -> dict[str, str] | None:
        """A transaction by orderId and txnTime; None where UnionPay says that there is none."""
        fields = self._named(reference, at, "00", "00", "000000")
        answer = self.ask("/queryTrans.do", fields)
        # respCode is about the question, origRespCode about what was asked for.
        if answer["respCode"] == answers.NOT_FOUND:
            return None
        if answer["respCode"] != "00":
            raise base.Unknown(f"the query was answered {answer['respCode']:.10}")
        with reading():
            if answer["txnType"] != txn_type:
                raise base.Unknown("the answer is about another kind of transaction")
        return answer

    def ask(self, path: str, fields: Mapping[str, str]) -> dict[str, str]:
        answer = self._send(self._gateway, path, fields)
        with reading():
            for name in ("merId", "orderId", "txnTime"):
                if answer[name] != fields[name]:
                    raise base.Unknown("the answer is about another merchant or reference")
            answer["respCode"]
        return answer

    def file(self, clearing_day: date) -> dict[str, str] | None:
        """The statement of one clearing day; None where there will be none."""
        now = self._clock()
        fields = {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "txnType": "76",
            "txnSubType": "01",
            "bizType": "000000",
            "accessType": "0",
            "merId": self._merchant,
            "settleDate": clearing_day.strftime("%m%d"),
            "txnTime": answers.beijing(now),
            "fileType": "00",
        }
        answer = self._send(self._files, "/", fields)
        with reading():
            if (answer["merId"], answer["respCode"]) == (self._merchant, "00"):
                return answer
            # "No such file" long after its time means a day without movements.
            old = now.astimezone(answers.BEIJING).date() > clearing_day + timedelta(days=2)
            if (answer["merId"], answer["respCode"]) == (self._merchant, "98") and old:
                return None
        raise base.Unknown("no statement for this day yet")

    def _send(self, wire: Wire, path: str, fields: Mapping[str, str]) -> dict[str, str]:
        body = urlencode(self._seal.signed(fields)).encode()
        sent = wire.send("POST", path, {"Content-Type": f"{FORM};charset=UTF-8"}, body)
        if sent.status >= 300:
            raise base.Unknown(f"HTTP {sent.status}")
        with reading():
            answer = answers.parse_answer(sent.body)
        try:
            self._trust.check(answer, self._clock())
        except NotGenuine as problem:
            raise base.Unknown("the answer's signature is not UnionPay's") from problem
        return answer
