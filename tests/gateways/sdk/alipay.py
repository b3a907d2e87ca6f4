"""python-alipay-sdk 3.4.0 against the simulated Alipay: `python -P alipay.py <bank> <keys>`."""

import json
import os
import sys
import threading
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from urllib.parse import parse_qsl

# The client dates its calls by the host's local time, which must be China's.
os.environ["TZ"] = "Asia/Shanghai"
time.tzset()

from alipay import AliPay  # type: ignore[import-not-found]  # noqa: E402
from alipay.exceptions import AliPayValidationError  # type: ignore[import-not-found]  # noqa: E402

APP_ID = "2021000000000042"
BANK, KEYS = sys.argv[1], Path(sys.argv[2])


class Heard(BaseHTTPRequestHandler):
    """Keeps each notification and answers `success`."""

    bodies: "Queue[bytes]" = Queue()

    def do_POST(self) -> None:
        self.bodies.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"success")

    def log_message(self, *args: object) -> None:
        """Silence."""


def main() -> None:
    door = HTTPServer(("127.0.0.1", 0), Heard)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    client = AliPay(
        appid=APP_ID,
        app_notify_url=f"http://127.0.0.1:{door.server_port}/webhooks/alipay/",
        app_private_key_string=(KEYS / "app.pem").read_text(),
        alipay_public_key_string=(KEYS / "gateway.public.pem").read_text(),
        sign_type="RSA2",
    )
    client._gateway = f"{BANK}/alipay/gateway.do"
    code_that_is_paid_and_refunded(client)
    code_that_is_closed(client)
    link_that_is_paid(client)
    answers_that_are_not_genuine(client)
    door.shutdown()


def code_that_is_paid_and_refunded(client: AliPay) -> None:
    made = client.api_alipay_trade_precreate("茶 & Kaffee", "SDK0000001", "25.00")
    check("precreate gives a code", made["code"] == "10000" and made["qr_code"])
    early = client.api_alipay_trade_query("SDK0000001")
    check("no trade before a scan", early["sub_code"] == "ACQ.TRADE_NOT_EXIST")
    check("nor a close", code_of(client.api_alipay_trade_close("SDK0000001")) == early["sub_code"])
    pay("SDK0000001")
    notification_is_genuine(client, "SDK0000001")
    paid = client.api_alipay_trade_query("SDK0000001")
    check("the query shows the money", (paid["trade_status"], paid["total_amount"]) == (
        "TRADE_SUCCESS", "25.00"))  # fmt: skip
    refused = client.api_alipay_trade_close("SDK0000001")
    check("a paid trade is not closed", code_of(refused) == "ACQ.TRADE_STATUS_ERROR")
    for change in ("Y", "N"):
        back = client.api_alipay_trade_refund("7.00", "SDK0000001", out_request_no="SDKREFUND1")
        check(f"refund, fund_change {change}", (back["fund_change"], back["refund_fee"]) == (
            change, "7.00"))  # fmt: skip
    other = client.api_alipay_trade_refund("8.00", "SDK0000001", out_request_no="SDKREFUND1")
    check("another amount is refused", code_of(other) == "ACQ.DISCORDANT_REPEAT_REQUEST")
    found = client.api_alipay_trade_fastpay_refund_query("SDKREFUND1", out_trade_no="SDK0000001")
    check("the refund is found", (found["refund_status"], found["refund_amount"]) == (
        "REFUND_SUCCESS", "7.00"))  # fmt: skip
    none = client.api_alipay_trade_fastpay_refund_query("NOSUCHONE1", out_trade_no="SDK0000001")
    check("10000 alone is no refund", none == {"code": "10000", "msg": "Success"})
    notification_is_genuine(client, "SDK0000001")


def code_that_is_closed(client: AliPay) -> None:
    made = client.api_alipay_trade_precreate("Tee", "SDK0000002", "0.01")
    urllib.request.urlopen(made["qr_code"]).read()
    check("close", client.api_alipay_trade_close("SDK0000002")["code"] == "10000")
    closed = client.api_alipay_trade_query("SDK0000002")
    check("closed", closed["trade_status"] == "TRADE_CLOSED")


def link_that_is_paid(client: AliPay) -> None:
    until = datetime.now(timezone(timedelta(hours=8))) + timedelta(minutes=10)
    carried = client.api_alipay_trade_page_pay(
        "Tee", "SDK0000003", "1.5", return_url="http://127.0.0.1:1/",
        time_expire=until.strftime("%Y-%m-%d %H:%M:%S"),
    )  # fmt: skip
    page = urllib.request.urlopen(f"{BANK}/alipay/gateway.do?{carried}")
    check("the page opens", "/alipay/login/" in page.url)
    pay("SDK0000003")
    check("paid", client.api_alipay_trade_query("SDK0000003")["total_amount"] == "1.50")


def answers_that_are_not_genuine(client: AliPay) -> None:
    for knob in ("bad_signature", "wrong_merchant"):
        faults({knob: 1})
        try:
            client.api_alipay_trade_query("SDK0000003")
        except AliPayValidationError:
            check(f"{knob} is refused", is_so=True)
        else:
            check(f"{knob} is refused", is_so=False)
    faults({})


def notification_is_genuine(client: AliPay, number: str) -> None:
    body = Heard.bodies.get(timeout=10).decode()
    told = dict(parse_qsl(body, keep_blank_values=True))
    signature = told.pop("sign")
    check("the notification is genuine", client.verify(dict(told), signature))
    check("it names the trade", told["out_trade_no"] == number)
    check("an altered one is not", not client.verify(told | {"total_amount": "1.00"}, signature))
    without = {name: value for name, value in told.items() if value}
    check("nor one without its empty fields", not client.verify(without, signature))


def pay(number: str) -> None:
    request = urllib.request.Request(f"{BANK}/payments/{number}/pay", method="POST")
    urllib.request.urlopen(request).read()


def faults(knobs: dict) -> None:
    content = json.dumps(knobs).encode()
    urllib.request.urlopen(urllib.request.Request(f"{BANK}/faults", content, method="PUT")).read()


def code_of(answer: dict) -> str:
    return str(answer.get("sub_code", ""))


def check(what: str, is_so: object) -> None:
    sys.stdout.write(f"{'ok ' if is_so else 'NO '} {what}\n")
    if not is_so:
        sys.exit(1)


main()
