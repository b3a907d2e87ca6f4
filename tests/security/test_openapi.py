"""The API's own description, read by a machine that makes requests up from it, right and wrong.

`make test` sends some five hundred; `make security` more than two thousand. Real processes and
real ids; nothing leaves the machine: Schemathesis has no telemetry, and asks only this server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.authtoken.models import Token

from orders.models import Product
from payments.models import Payment
from tests.factories import ProductFactory, new_key, place
from tests.security.production import real_server
from tests.stack import ROOT, Stack

#: For each operation at most so many made up at random, beside those that are worked out.
EXAMPLES = os.environ.get("OPENAPI_EXAMPLES", "8")
CASES_MIN = int(os.environ.get("OPENAPI_CASES_MIN", "450"))
SEED = os.environ.get("OPENAPI_SEED", "1")
#: Orders to look at, some of them paid. What is paid or cancelled answers only 409 from then on, so
#: others are there for that.
ORDERS, BEGUN, TO_PAY, TO_CANCEL = 40, 15, 40, 20
#: Not `positive_data_acceptance`: a text is a valid name of a good, and may be none that we sell.
#: The others are about what no operation here does: to delete, or to read what another made.
WITHOUT = (
    "positive_data_acceptance,use_after_free,ensure_resource_availability,"
    "object_level_authorization"
)


@pytest.fixture
def described_shop(transactional_db: None) -> Iterator[Stack]:
    """Web and bank; the limits on guesses and payments are as wide as the test is long."""
    wide = {"LOOKUP_MISSES_PER_MINUTE": "1000000", "NEW_PAYMENTS_PER_MINUTE": "1000000"}
    with real_server(**wide) as shop:
        shop.bank.start()
        yield shop


def real_ids(shop: Stack, staff: dict[str, str]) -> dict[str, list[str]]:
    """Orders that are unpaid, open and paid, what was captured, and goods to order."""
    ids = [place().public_id for _ in range(ORDERS)]
    for number, public_id in enumerate(ids[:BEGUN]):
        path, key = f"/api/v1/orders/{public_id}/payments/", {"Idempotency-Key": new_key()}
        method = {"method": ("qr", "redirect", "card")[number % 3]}
        made = shop.client.post(path, json=method, headers=key)
        assert made.status_code == 201, made.text
        if number % 3:
            reference = made.json()["reference"]
            shop.bank.pay(reference)
            path, key = f"/api/v1/payments/{reference}/refresh/", {"Idempotency-Key": new_key()}
            assert shop.client.post(path, headers=staff | key).json()["state"] == "captured"
    captured = Payment.objects.filter(state="captured")
    for _ in range(3):
        ProductFactory(stock=1_000_000)
    return {
        "public_id": ids,
        "to_pay": [place().public_id for _ in range(TO_PAY)],
        "to_cancel": [place().public_id for _ in range(TO_CANCEL)],
        "reference": list(captured.order_by("id").values_list("reference", flat=True)),
        "sku": list(Product.objects.values_list("sku", flat=True)),
    }


def run(shop: Stack, staff: dict[str, str], report: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{shop.url}/api/schema/"]
    command += ["--header", f"Authorization: {staff['Authorization']}", "--no-color"]
    command += ["--exclude-checks", WITHOUT, "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", EXAMPLES, "--seed", SEED, "--no-shrink", "--continue-on-failure"]
    command += ["--generation-database", "none", "--suppress-health-check", "all"]
    command += ["--request-timeout", "20"]
    command += ["--report", "json", "--report-json-path", str(report)]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.security.real_ids",
        "REAL_IDS": json.dumps(real_ids(shop, staff)),
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_requests_made_up_from_the_description_get_its_answers(
    described_shop: Stack, django_user_model: Any, tmp_path: Path, capsys: Any
) -> None:
    chief = django_user_model.objects.create_superuser("chief", "chief@payonce.example", "x")
    staff = {"Authorization": f"Token {Token.objects.create(user=chief).key}"}
    report = tmp_path / "report.json"
    done = run(described_shop, staff, report)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    told = json.loads(report.read_text())
    with capsys.disabled():
        sys.stdout.write(f"\n{told['test_cases']['generated']} requests, seed {told['seed']}\n")
    assert told["test_cases"]["generated"] >= CASES_MIN, told["test_cases"]
    assert told["test_cases"]["with_failures"] == 0
    assert told["operations"]["tested"] == told["operations"]["total"] == len(told["valid_rates"])
    # Real ids reached what they name: each operation was carried out, not only refused.
    for operation, phases in told["valid_rates"].items():
        assert sum(phase["accepted"] for phase in phases.values()) > 0, (operation, phases)


def test_every_refusal_of_the_api_is_a_problem_document() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, operations in schema["paths"].items():
        for verb, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, verb)
                    assert answer["description"]
            assert {"400", "503"} <= set(operation["responses"]), (path, verb)
