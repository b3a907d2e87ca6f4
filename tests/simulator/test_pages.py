"""The pages for people: they work by plain forms, escape what they show and are framed by few."""

from __future__ import annotations

import pytest

from tests.bank import Bank


def path_of(bank: Bank, payment: dict) -> str:
    shown = payment["presentation"]
    address = shown.get("text") or shown.get("url") or f"{bank.url}/card/{shown['client_token']}"
    return str(address).removeprefix(bank.url)


def test_the_desk_lists_payments_newest_first_with_buttons(bank, merchant):
    older, newer = merchant.opened()["reference"], merchant.paid()["reference"]
    text = bank.client.get("/").text
    assert text.index(newer) < text.index(older)
    assert f"/payments/{older}/pay" in text
    assert f"/payments/{newer}/pay" not in text


def test_a_person_pays_at_the_desk_by_a_plain_form(bank, merchant):
    reference = merchant.opened()["reference"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = bank.client.post(f"/payments/{reference}/pay", headers=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert bank.net(reference) == 2500
    again = bank.client.post(f"/payments/{reference}/pay", headers=form, follow_redirects=True)
    assert "already paid" in again.text


def test_faults_are_switched_by_a_plain_form(bank):
    answer = bank.client.post(
        "/faults", data={"lose_answer": "0.5", "only": "create, query", "seed": ""}
    )
    assert answer.status_code == 303
    assert bank.client.get("/faults").json()["only"] == ["create", "query"]
    assert "lose_answer" in bank.client.get("/").text
    bank.client.post("/faults")
    assert bank.client.get("/faults").json()["lose_answer"] == 0


def test_the_phone_pays_and_stays(bank, merchant):
    payment = merchant.opened("qr")
    path = path_of(bank, payment)
    answer = bank.client.post(path, data={"act": "pay"}, follow_redirects=True)
    assert "Paid." in answer.text
    assert bank.net(payment["reference"]) == 2500


@pytest.mark.parametrize(
    ("act", "state"), [("pay", "paid"), ("decline", "declined"), ("cancel", "open")]
)
def test_the_bank_page_sends_the_shopper_back(bank, merchant, act, state):
    payment = merchant.opened("redirect")
    answer = bank.client.post(path_of(bank, payment), data={"act": act})
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "http://127.0.0.1:8000/orders/abc/",
    )
    assert merchant.shown(payment["reference"])["state"] == state


def test_a_closed_qr_says_so_and_pays_nothing(bank, merchant):
    payment = merchant.opened("qr")
    merchant.close(payment["reference"])
    path = path_of(bank, payment)
    answer = bank.client.post(path, data={"act": "pay"}, follow_redirects=True)
    assert "closed" in answer.text
    assert bank.ledger() == []


def test_what_the_merchant_writes_is_escaped_everywhere(bank, merchant):
    evil = '"><script>alert(1)</script>'
    pages = [path_of(bank, merchant.opened(method, subject=evil)) for method in ("qr", "redirect")]
    for path in ["/", "/?said=" + evil, *pages]:
        assert "<script>alert" not in bank.client.get(path).text


def test_only_the_shop_may_frame_the_card_form_and_nobody_the_others(bank, merchant):
    def ancestors(path: str) -> str:
        policy: str = bank.client.get(path).headers["Content-Security-Policy"]
        return policy.partition("frame-ancestors ")[2].partition(";")[0]

    card = path_of(bank, merchant.opened("card", return_url="https://shop.test:8443/orders/x/"))
    assert ancestors(card) == "https://shop.test:8443"
    local = path_of(bank, merchant.opened("card"))
    assert ancestors(local) == "http://127.0.0.1:8000 http://localhost:8000"
    for method in ("qr", "redirect"):
        assert ancestors(path_of(bank, merchant.opened(method))) == "'none'"
    assert ancestors("/") == "'none'"


def test_no_page_allows_inline_scripts_or_foreign_sources(bank, merchant):
    policy = bank.client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert " style=" not in bank.client.get("/").text


def test_another_site_cannot_write_here(bank, merchant):
    reference = merchant.opened()["reference"]
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert bank.client.post(f"/payments/{reference}/pay", headers=headers).status_code == 403
    assert bank.client.put("/faults", json={}, headers=headers).status_code == 403
    assert bank.ledger() == []


@pytest.mark.parametrize(
    "path", ["/scan/x", "/bank/x", "/card/x", "/static/../books.py", "/static/x"]
)
def test_unknown_addresses_are_not_found(bank, path):
    assert bank.client.get(path).status_code == 404


def test_a_link_of_one_method_opens_no_page_of_another(bank, merchant):
    token = path_of(bank, merchant.opened("qr")).removeprefix("/scan/")
    assert bank.client.get(f"/bank/{token}").status_code == 404
    assert bank.client.get(f"/card/{token}").status_code == 404


def test_yen_and_dinar_are_shown_with_their_own_digits(bank, merchant):
    merchant.opened(currency="JPY", amount_minor=1500)
    merchant.opened(currency="KWD", amount_minor=1500)
    text = bank.client.get("/").text
    assert "JPY 1500" in text
    assert "KWD 1.500" in text
