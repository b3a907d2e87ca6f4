"""The bank's pages in a real browser, with and without scripts, framed by a shop's page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
AXE = Path(__file__).parent.parent / "browser" / "vendor" / "axe.min.js"
SHOP_PAGE = """<!doctype html><title>shop</title><p id="told"></p>
<iframe src="FRAME" width="360" height="600"></iframe>
<script>addEventListener("message", (event) => {
  told.textContent += `${event.origin} ${event.data.type} ${event.data.state};`;
});</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=FLAGS.split()
        )
        yield chromium
        chromium.close()


@pytest.fixture
def shop() -> Iterator[ThreadingHTTPServer]:
    """A shop on an origin of its own; `frame` is what its page embeds."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = SHOP_PAGE.replace("FRAME", getattr(self.server, "frame", "")).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def home(shop: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{shop.server_port}/"


def embed(bank, merchant, shop, return_url: str) -> str:
    payment = merchant.opened("card", return_url=return_url)
    shop.frame = f"{bank.url}/card/{payment['presentation']['client_token']}"
    return str(payment["reference"])


def listened(page: Page) -> list[str]:
    """Errors that the browser reports on this page."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def test_the_embedded_card_form_tells_the_shop_how_it_stands(bank, merchant, shop, browser):
    reference = embed(bank, merchant, shop, home(shop))
    page = browser.new_page()
    errors = listened(page)
    page.goto(home(shop))
    form = page.frame_locator("iframe")
    form.locator("input[name=number]").fill("4000 0000 0000 3220")
    form.get_by_role("button", name="Pay").click()
    form.get_by_role("button", name="Yes").click()
    form.get_by_text("Paid.").wait_for()
    page.wait_for_function("told.textContent.includes('paid;')")
    told = page.inner_text("#told")
    assert told == "".join(f"{bank.url} sandbox-card {s};" for s in ("open", "challenge", "paid"))
    assert bank.net(reference) == 2500
    assert errors == []


def test_no_other_site_can_frame_the_card_form(bank, merchant, shop, browser):
    embed(bank, merchant, shop, "http://another-shop.test/")
    page = browser.new_page()
    errors = listened(page)
    page.goto(home(shop))
    assert page.frame_locator("iframe").locator("form").count() == 0
    assert "frame-ancestors" in errors[0]


def test_without_scripts_the_card_form_leads_back_to_the_shop(bank, merchant, shop, browser):
    reference = embed(bank, merchant, shop, home(shop) + "?back")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(home(shop))
    page.frame_locator("iframe").get_by_role("button", name="Pay").click()
    page.frame_locator("iframe").get_by_role("link", name="Back to the shop").click()
    page.wait_for_url(home(shop) + "?back")
    assert bank.net(reference) == 2500


@pytest.mark.parametrize("scripts", [True, False])
def test_the_bank_page_leads_back_to_the_shop(bank, merchant, shop, browser, scripts):
    payment = merchant.opened("redirect", return_url=home(shop) + "?back")
    page = browser.new_context(java_script_enabled=scripts).new_page()
    page.goto(payment["presentation"]["url"])
    page.get_by_role("button", name="Pay now").click()
    page.wait_for_url(home(shop) + "?back")
    assert bank.net(payment["reference"]) == 2500


@pytest.mark.parametrize("state", ["open", "paid", "closed"])
def test_no_page_shuts_anybody_out(bank, merchant, browser, state):
    payments = [merchant.opened(method) for method in ("qr", "redirect", "card")]
    shown = [payment["presentation"] for payment in payments]
    for payment in payments:
        if state == "paid":
            bank.pay(payment["reference"])
        elif state == "closed":
            merchant.close(payment["reference"], payment["method"])
    page = browser.new_context(bypass_csp=True).new_page()
    card = f"{bank.url}/card/{shown[2]['client_token']}"
    for address in (bank.url, shown[0]["text"], shown[1]["url"], card):
        page.goto(address)
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run().then((result) => result.violations.map((v) => v.id))")
        assert (address, found) == (address, [])


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_no_page_is_wider_than_the_screen(bank, merchant, browser, width):
    shown = [merchant.opened(method)["presentation"] for method in ("qr", "redirect", "card")]
    page = browser.new_page(viewport={"width": width, "height": 700})
    card = f"{bank.url}/card/{shown[2]['client_token']}"
    for address in (bank.url, shown[0]["text"], shown[1]["url"], card):
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
