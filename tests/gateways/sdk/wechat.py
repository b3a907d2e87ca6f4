"""wechatpayv3 2.0.4, sync and async, against the simulated WeChat Pay: <bank> <keys>."""

import asyncio
import gzip
import hashlib
import json
import sys
import threading
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue

import wechatpayv3.async_.core as async_core  # type: ignore[import-not-found]
import wechatpayv3.core as sync_core  # type: ignore[import-not-found]
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.async_ import AsyncWeChatPay
from wechatpayv3.async_ import (
    WeChatPayType as AsyncPayType,
)

MCHID, APPID = "1900000001", "wx8888888888888888"
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000000012026112500000000000001"
BANK, KEYS = sys.argv[1], Path(sys.argv[2])


class Heard(BaseHTTPRequestHandler):
    """Keeps each notification and answers 204."""

    told: "Queue[tuple[dict, bytes]]" = Queue()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.put((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Silence."""


class AtTheBank:
    """The client asks at the address of the real one while it is made: here it asks at ours."""

    def __get__(self, core: object, kind: type) -> str:
        return f"{BANK}/wechat"

    def __set__(self, core: object, value: str) -> None:
        """The real address is not kept."""


def main() -> None:
    door = HTTPServer(("127.0.0.1", 0), Heard)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    sync_core.Core._gate_way = AtTheBank()
    async_core.AsyncCore._gate_way = AtTheBank()
    notify = f"http://127.0.0.1:{door.server_port}/webhooks/wechat/"
    settings = {
        "mchid": MCHID,
        "appid": APPID,
        "private_key": (KEYS / "merchant.pem").read_text(),
        "cert_serial_no": "5A1BC6D40F2E3A4B5C6D7E8F9012345678ABCDEF",
        "apiv3_key": json.loads((KEYS / "secrets.json").read_text())["api_v3_key"],
        "notify_url": notify,
        "timeout": (1, 5),
    }
    public = {
        "public_key": (KEYS / "platform.public.pem").read_text(),
        "public_key_id": PUBLIC_KEY_ID,
    }
    whole_life(WeChatPay(wechatpay_type=WeChatPayType.NATIVE, **settings), "CERT")
    signs_with("second")
    whole_life(WeChatPay(wechatpay_type=WeChatPayType.NATIVE, **settings), "ROLL")
    signs_with("public")
    whole_life(WeChatPay(wechatpay_type=WeChatPayType.NATIVE, **settings, **public), "PUBK")
    signs_with("first")
    spoilt_signatures(WeChatPay(wechatpay_type=WeChatPayType.NATIVE, **settings))
    bill_of_a_day(WeChatPay(wechatpay_type=WeChatPayType.NATIVE, **settings))
    asyncio.run(in_async(settings))
    door.shutdown()


def whole_life(client: WeChatPay, name: str) -> None:
    number, refund = f"SDK{name}000001", f"SDK{name}REFUND1"
    until = datetime.now(timezone(timedelta(hours=8))) + timedelta(minutes=15)
    order = {
        "description": "茶",
        "out_trade_no": number,
        "time_expire": until.isoformat(timespec="seconds"),
        "amount": {"total": 2500, "currency": "CNY"},
    }
    done(f"{name}: a code", client.pay(**order), 200, lambda t: t["code_url"].startswith("weixin:"))
    done(f"{name}: not paid", query(client, number), 200, lambda t: t["trade_state"] == "NOTPAY")
    pay(number)
    event = genuine(client, f"{name}: the notification opens")
    check(f"{name}: it names the order", event["resource"]["out_trade_no"] == number)
    done(f"{name}: paid", query(client, number), 200, lambda t: (
        t["trade_state"], t["amount"]["total"]) == ("SUCCESS", 2500))  # fmt: skip
    done(f"{name}: a paid order is not closed", client.close(number), 400,
         lambda t: t["code"] == "ORDERPAID")  # fmt: skip
    wanted = {
        "out_trade_no": number,
        "out_refund_no": refund,
        "amount": {"refund": 700, "total": 2500, "currency": "CNY"},
    }
    for _ in range(2):
        done(f"{name}: refund", client.refund(**wanted), 200, lambda t: t["status"] == "SUCCESS")
    done(f"{name}: the refund is found", client.query_refund(refund), 200,
         lambda t: t["amount"]["refund"] == 700)  # fmt: skip
    event = genuine(client, f"{name}: the notification of the refund opens")
    check(f"{name}: it names the refund", event["event_type"] == "REFUND.SUCCESS")
    closed_number = f"SDK{name}000002"
    other = {**order, "out_trade_no": closed_number}
    done(f"{name}: another code", client.pay(**other), 200, lambda t: "code_url" in t)
    closed = client.close(closed_number)
    check(f"{name}: the empty 204 is signed", closed[0] == 204)
    done(f"{name}: closed", query(client, closed_number), 200,
         lambda t: t["trade_state"] == "CLOSED")  # fmt: skip
    done(f"{name}: nobody", query(client, "NOBODY000001"), 404,
         lambda t: t["code"] == "ORDER_NOT_EXIST")  # fmt: skip


def spoilt_signatures(client: WeChatPay) -> None:
    faults({"bad_signature": 1})
    try:
        query(client, "SDKCERT000001")
    except Exception as refused:  # noqa: BLE001 - the client knows no better
        check("a spoilt answer is refused", "signature" in str(refused))
    else:
        check("a spoilt answer is refused", is_so=False)
    faults({"bad_notification_signature": 1})
    order = {"description": "x", "out_trade_no": "SDKPROBE0001", "amount": {"total": 1}}
    done("a code", client.pay(**order), 200, lambda t: "code_url" in t)
    pay("SDKPROBE0001")
    headers, body = Heard.told.get(timeout=10)
    check("the probe is a probe", "WECHATPAY/SIGNTEST/" in headers["Wechatpay-Signature"])
    check("and is refused", client.callback(headers, body) is None)
    faults({})


def bill_of_a_day(client: WeChatPay) -> None:
    days = 3
    put_back(days * 86_400)
    order = {"description": "x", "out_trade_no": "SDKBILL00001", "amount": {"total": 2500}}
    done("a code in the past", client.pay(**order), 200, lambda t: "code_url" in t)
    pay("SDKBILL00001")
    Heard.told.get(timeout=10)
    put_back(0)
    day = datetime.now(timezone(timedelta(hours=8))) - timedelta(days=days)
    status, told = client.trade_bill(day.strftime("%Y-%m-%d"), bill_type="SUCCESS")
    check("a bill is told of", status == 200)
    file = json.loads(told)
    status, content = client.download_bill(file["download_url"])
    plain = gzip.decompress(content)
    check("its digest is right", hashlib.sha1(plain).hexdigest() == file["hash_value"])
    check("it holds the payment", b"SDKBILL00001" in plain)


async def in_async(settings: dict) -> None:
    settings = settings | {"timeout": 5}
    async with AsyncWeChatPay(wechatpay_type=AsyncPayType.NATIVE, **settings) as client:
        order = {"description": "茶", "out_trade_no": "SDKASYNC0001", "amount": {"total": 2500}}
        done("async: a code", await client.pay(**order), 200, lambda t: "code_url" in t)
        pay("SDKASYNC0001")
        done("async: paid", await client.query(out_trade_no="SDKASYNC0001"), 200,
             lambda t: t["trade_state"] == "SUCCESS")  # fmt: skip
        headers, body = Heard.told.get(timeout=10)
        event = client.callback(headers, body)
        check("async: the notification opens", event["event_type"] == "TRANSACTION.SUCCESS")


def query(client: WeChatPay, number: str) -> tuple[int, str]:
    told: tuple[int, str] = client.query(out_trade_no=number)
    return told


def genuine(client: WeChatPay, what: str) -> dict:
    headers, body = Heard.told.get(timeout=10)
    event = client.callback(headers, body)
    check(what, event)
    return dict(event)


def done(what: str, answer: tuple[int, str], status: int, is_so: Callable[[dict], object]) -> None:
    check(what, answer[0] == status and is_so(json.loads(answer[1])))


def pay(number: str) -> None:
    request = urllib.request.Request(f"{BANK}/payments/{number}/pay", method="POST")
    urllib.request.urlopen(request).read()


def put_back(seconds: int) -> None:
    content = json.dumps({"seconds_behind": seconds}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{BANK}/clock", content, method="PUT")).read()


def signs_with(name: str) -> None:
    request = urllib.request.Request(f"{BANK}/wechat/signs-with/{name}", method="PUT")
    urllib.request.urlopen(request).read()


def faults(knobs: dict) -> None:
    content = json.dumps(knobs).encode()
    urllib.request.urlopen(urllib.request.Request(f"{BANK}/faults", content, method="PUT")).read()


def check(what: str, is_so: object) -> None:
    sys.stdout.write(f"{'ok ' if is_so else 'NO '} {what}\n")
    if not is_so:
        sys.exit(1)


main()
