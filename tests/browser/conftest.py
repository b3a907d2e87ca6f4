"""A real Chromium before the running shop: what a person at a screen or a phone would see."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.browser.shopper import Shopper
from tests.stack import Stack

# Without these Chromium looks for its maker's servers at every start.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
#: What the browser says about an answer that a test provoked on purpose.
EXPECTED_NOISE = (
    "Failed to load resource",
    "Chrome currently does not support the Push API in incognito mode",
)
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser per file of tests."""
    # Playwright's loop lives in this thread; Django would refuse its own fixtures beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    path = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_context(chromium: Browser, live_shop: Stack) -> Iterator[Callable[..., BrowserContext]]:
    """Open a private window; a script error or a breach of the page's policy fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", hear)

    def hear(message: ConsoleMessage) -> None:
        about_shop = message.location.get("url", "").startswith(live_shop.url)
        if message.type == "error" and about_shop and not message.text.startswith(EXPECTED_NOISE):
            complaints.append(message.text)

    def opened(**options: Any) -> BrowserContext:
        context = chromium.new_context(base_url=live_shop.url, **options)
        context.set_default_timeout(PATIENCE_MS)
        context.on("page", listen)
        contexts.append(context)
        return context

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def shopper(open_context: Callable[..., BrowserContext], live_shop: Stack) -> Shopper:
    """Ada, at a desk."""
    return Shopper(open_context().new_page(), live_shop)


@pytest.fixture
def shopper_without_scripts(
    open_context: Callable[..., BrowserContext], live_shop: Stack
) -> Shopper:
    """Ada, with scripts switched off."""
    return Shopper(open_context(java_script_enabled=False).new_page(), live_shop)


@pytest.fixture
def shopper_on_a_phone(open_context: Callable[..., BrowserContext], live_shop: Stack) -> Shopper:
    """Ada, on a small phone."""
    phone = open_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    return Shopper(phone.new_page(), live_shop)
