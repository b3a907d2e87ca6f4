"""UnionPay has no SDK: the simulator is judged by the openssl command and the protocol's text.

Run by scripts/sdk_check.py. Standard library only; nothing of the adapter, of the simulator or of
the libraries that those two use.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

BANK, KEYS = os.environ["BANK_URL"], Path(os.environ["BANK_KEYS"])
API = f"{BANK}/unionpay/gateway/api"
MERCHANT = "777000000000001"
OWN = Path(tempfile.mkdtemp(prefix="unionpay-"))
HEARD: list[bytes] = []


def openssl(*words: str | Path, stdin: bytes = b"") -> bytes:
    """Fails loudly when openssl does."""
    done = subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def unpack_merchant() -> str:
    """The merchant's key as a file, and its certId."""
    password = json.loads((KEYS / "secrets.json").read_text())["certificate_password"]
    told = ("pkcs12", "-in", KEYS / "merchant.p12", "-passin", f"pass:{password}", "-nodes")
    (OWN / "merchant.pem").write_bytes(openssl(*told))
    serial = openssl("x509", "-in", OWN / "merchant.pem", "-noout", "-serial").decode()
    return str(int(serial.strip().removeprefix("serial="), 16))


def first_hash(fields: dict[str, str]) -> bytes:
    text = "&".join(f"{k}={v}" for k, v in sorted(fields.items()) if k != "signature")
    return hashlib.sha256(text.encode()).hexdigest().encode()


def signed(fields: dict[str, str]) -> dict[str, str]:
    told = fields | {"certId": CERT_ID}
    raw = openssl("dgst", "-sha256", "-sign", OWN / "merchant.pem", stdin=first_hash(told))
    return told | {"signature": base64.b64encode(raw).decode()}


def verify(fields: dict[str, str]) -> dict[str, str]:
    """Chain by `openssl verify`, name by eye, words by `openssl dgst`."""
    leaf = OWN / "leaf.pem"
    leaf.write_text(fields["signPubKeyCert"])
    chain = (
        "-CAfile",
        KEYS / "root.certificate.pem",
        "-untrusted",
        KEYS / "middle.certificate.pem",
    )
    openssl("verify", *chain, leaf)
    told = ("x509", "-in", leaf, "-noout", "-subject", "-nameopt", "utf8,-esc_msb,sep_multiline")
    assert "@中国银联股份有限公司@" in openssl(*told).decode()
    (OWN / "leaf.key").write_bytes(openssl("x509", "-in", leaf, "-noout", "-pubkey"))
    (OWN / "signature").write_bytes(base64.b64decode(fields["signature"]))
    openssl("dgst", "-sha256", "-verify", OWN / "leaf.key", "-signature", OWN / "signature",
            stdin=first_hash(fields))  # fmt: skip
    return fields


def ask(path: str, fields: dict[str, str]) -> dict[str, str]:
    body = urllib.parse.urlencode(signed(fields)).encode()
    with urllib.request.urlopen(f"{API}/{path}", body, timeout=10) as answer:
        text = answer.read().decode()
    return verify(dict(part.split("=", 1) for part in text.split("&")))


def message(order: str, txn_type: str, subtype: str, business: str, **more: str) -> dict[str, str]:
    return {"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "txnType": txn_type,
            "txnSubType": subtype, "bizType": business, "accessType": "0", "channelType": "07",
            "merId": MERCHANT, "orderId": order, "txnTime": TIME} | more  # fmt: skip


def query(order: str) -> dict[str, str]:
    return ask("queryTrans.do", message(order, "00", "00", "000000"))


def post(path: str) -> int:
    told = urllib.request.Request(BANK + path, b"", {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(told, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


class Ear(BaseHTTPRequestHandler):
    """The shop's backUrl."""

    def do_POST(self) -> None:
        HEARD.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *told: object) -> None:
        """Silence."""


def notified(order: str) -> dict[str, str]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for body in HEARD:
            fields = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
            if fields["orderId"] == order:
                return verify(fields)
        time.sleep(0.05)
    raise AssertionError("no notification came")


CERT_ID = unpack_merchant()
TIME = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 8 * 3600))
PAY_TIMEOUT = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 8 * 3600 + 900))


def the_code(back: str) -> None:
    order = secrets.token_hex(13).upper()
    wish = message(order, "01", "07", "000000", currencyCode="156", txnAmt="2500", backUrl=back,
                   payTimeout=PAY_TIMEOUT, reqReserved="UE8tMQ==")  # fmt: skip
    assert query(order)["respCode"] == "34"
    opened = ask("backTransReq.do", wish)
    assert opened["respCode"] == "00"
    assert opened["qrCode"].startswith("http")
    assert ask("backTransReq.do", wish)["respCode"] == "12"
    assert query(order)["origRespCode"] == "05"
    assert post(f"/payments/{order}/pay") == 200
    assert post(f"/payments/{order}/pay") == 409
    found = query(order)
    assert (found["origRespCode"], found["txnAmt"], found["currencyCode"]) == ("00", "2500", "156")
    assert notified(order)["queryId"] == found["queryId"]


def the_form_and_a_refund(back: str) -> None:
    order, refund = secrets.token_hex(13).upper(), secrets.token_hex(13).upper()
    wish = message(order, "01", "01", "000201", currencyCode="156", txnAmt="700", backUrl=back,
                   frontUrl=f"{BANK}/", payTimeout=PAY_TIMEOUT, reqReserved="UE8tMQ==")  # fmt: skip
    body = urllib.parse.urlencode(signed(wish)).encode()
    with urllib.request.urlopen(f"{API}/frontTransReq.do", body, timeout=10) as page:
        address, shown = page.geturl(), page.read().decode()
    assert "7.00" in shown
    urllib.request.urlopen(address, b"act=pay", timeout=10).close()
    paid = query(order)
    assert paid["origRespCode"] == "00"
    # The way back to the shop is a form with a signed result.
    with urllib.request.urlopen(address, timeout=10) as page:
        hidden = re.findall(r'name="(\w+)" value="([^"]*)"', page.read().decode())
    assert verify({name: html.unescape(value) for name, value in hidden})["respCode"] == "00"
    give = message(refund, "04", "00", "000201", origQryId=paid["queryId"], txnAmt="700",
                   backUrl=back, reqReserved="UE8tMQ==")  # fmt: skip
    assert ask("backTransReq.do", give)["respCode"] == "00"
    assert query(refund)["origRespCode"] == "00"
    assert notified(refund)["origQryId"] == paid["queryId"]
    again = message(secrets.token_hex(13).upper(), "04", "00", "000201", origQryId=paid["queryId"],
                    txnAmt="1", backUrl=back)  # fmt: skip
    assert ask("backTransReq.do", again)["respCode"] == "36"


def a_forged_question(back: str) -> None:
    fields = signed(message("ABCDEFGH", "00", "00", "000000")) | {"orderId": "ABCDEFGI"}
    body = urllib.parse.urlencode(fields).encode()
    with urllib.request.urlopen(f"{API}/queryTrans.do", body, timeout=10) as answer:
        assert "respCode=11" in answer.read().decode()


def main() -> None:
    server = HTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    steps: tuple[Callable[[str], None], ...] = (the_code, the_form_and_a_refund, a_forged_question)
    for step in steps:
        step(f"http://127.0.0.1:{server.server_port}/back")
        sys.stdout.write(f"  {step.__name__.replace('_', ' ')}\n")
    with urllib.request.urlopen(f"{BANK}/ledger", timeout=10) as answer:
        movements = json.load(answer)["movements"]
    assert [(m["kind"], m["amount_minor"]) for m in movements] == [
        ("charge", 2500), ("charge", 700), ("refund", 700),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
