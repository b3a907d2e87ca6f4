"""What the merchant's doors accept, repeat and refuse."""

from __future__ import annotations

import pytest

from tests.simulator.merchant import new_reference


def test_the_same_request_again_finds_the_same_payment(bank, merchant):
    wish = merchant.wish()
    first, second = merchant.create(wish), merchant.create(wish)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert len(bank.payments()) == 1


def test_the_same_request_after_the_money_shows_it_as_paid(bank, merchant):
    wish = merchant.wish()
    merchant.create(wish)
    bank.pay(wish["reference"])
    assert merchant.create(wish).json()["state"] == "paid"


def test_a_reference_is_never_used_for_another_amount(bank, merchant):
    wish = merchant.wish()
    merchant.create(wish)
    answer = merchant.create(wish | {"amount_minor": 1})
    assert (answer.status_code, answer.json()) == (409, {"error": "reference_reused"})
    assert [p["amount_minor"] for p in bank.payments()] == [2500]


def test_a_key_is_never_used_for_another_reference(merchant):
    key = new_reference()
    merchant.create(merchant.wish(), key)
    answer = merchant.create(merchant.wish(), key)
    assert (answer.status_code, answer.json()) == (409, {"error": "key_reused"})


def test_without_the_api_key_nothing_is_told(bank, merchant):
    reference = merchant.opened()["reference"]
    for given in ("", "Bearer wrong", "Basic x"):
        headers = {"Authorization": given}
        assert bank.client.get(f"/v1/payments/{reference}", headers=headers).status_code == 401


def test_a_create_without_an_idempotency_key_is_refused(bank, merchant):
    answer = merchant.send("POST", "/v1/payments", json=merchant.wish())
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_idempotency_key"})
    assert bank.payments() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("merchant", "somebody-else"),
        ("reference", "no spaces please"),
        ("reference", "A\x00BCDEFGH"),
        ("method", "cash"),
        ("amount_minor", 0),
        ("amount_minor", -1),
        ("amount_minor", 10.5),
        ("amount_minor", True),
        ("amount_minor", "2500"),
        ("amount_minor", 10**13),
        ("currency", "eur"),
        ("subject", "line\r\nbreak"),
        ("subject", None),
        ("expires_at", "tomorrow"),
        ("expires_at", "2026-11-21T10:00:00"),
        ("notify_url", "file:///etc/passwd"),
        ("return_url", "javascript:alert(1)"),
        ("return_url", "http://shop@evil.test/"),
        ("return_url", "http://shop;frame-ancestors */"),
        ("return_url", "http://shop:port/"),
        ("locale", "<script>"),
    ],
)
def test_a_create_with_a_bad_field_is_refused_and_opens_nothing(bank, merchant, field, value):
    answer = merchant.create(merchant.wish(reference=new_reference()) | {field: value}, "k" * 20)
    assert answer.status_code == (403 if field == "merchant" else 400)
    assert bank.payments() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 60_000, b'{"a":' * 9_000, b" " * 70_000],
    ids=["empty", "cut", "list", "null", "not utf-8", "bomb", "bomb of objects", "too large"],
)
def test_a_body_that_is_no_object_is_refused(bank, merchant, body):
    headers = {"Authorization": f"Bearer {bank.api_key}", "Idempotency-Key": "k" * 20}
    answer = bank.client.post("/v1/payments", headers=headers, content=body)
    assert answer.status_code in (400, 403, 413)
    assert bank.payments() == []


def test_every_answer_is_signed_refusals_too(merchant):
    for answer in (merchant.create(merchant.wish()), merchant.query("NEVERSEEN")):
        assert answer.headers["Sandbox-Signature"].startswith("t=")
