"""The API's own description, read by a machine that makes requests up from it, right and wrong.

`make test` sends some hundreds; `make security` two thousand and more. Real processes, real ids.
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
from rest_framework.authtoken.models import Token

from orders.models import Product
from payments.models import Payment
from tests.factories import ProductFactory, place
from tests.security.production import real_server
from tests.stack import ROOT, Stack

#: For each operation at most so many made up at random, beside those that are worked out.
EXAMPLES = os.environ.get("OPENAPI_EXAMPLES", "8")
CASES_MIN = int(os.environ.get("OPENAPI_CASES_MIN", "300"))
#: Orders to act on: what is cancelled or paid answers nothing but 409 from then on.
ORDERS = 60
#: Not `positive_data_acceptance`: a text is a valid name of a good, and may be none that we sell.
#: The others are about what no operation here does: to delete, or to read what another made.
WITHOUT = "positive_data_acceptance,use_after_free,ensure_resource_availability,object_level_authorization"


@pytest.fixture
def described_shop(transactional_db: None) -> Iterator[Stack]:
    """Web and bank; the limits on guesses and payments are as wide as the test is long."""
    wide = {"LOOKUP_MISSES_PER_MINUTE": "1000000", "NEW_PAYMENTS_PER_MINUTE": "1000000"}
    with real_server(**wide) as shop:
        shop.bank.start()
        yield shop


def real_ids(shop: Stack) -> dict[str, list[str]]:
    """Orders that are unpaid, open and paid, with their payments, and goods to order."""
    ids = [place().public_id for _ in range(ORDERS)]
    for number, public_id in enumerate(ids[: ORDERS // 3]):
        answer = shop.client.post(
            f"/api/v1/orders/{public_id}/payments/",
            json={"method": ("qr", "redirect", "card")[number % 3]},
            headers={"Idempotency-Key": f"real-ids-{public_id}"},
        )
        assert answer.status_code == 201, answer.text
        if number % 2:
            shop.bank.pay(answer.json()["reference"])
    for _ in range(3):
        ProductFactory(stock=1_000_000)
    return {
        "public_id": ids,
        "reference": list(Payment.objects.values_list("reference", flat=True)),
        "sku": list(Product.objects.values_list("sku", flat=True)),
    }


def run(shop: Stack, token: str, report: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{shop.url}/api/schema/"]
    command += ["--header", f"Authorization: Token {token}", "--exclude-checks", WITHOUT]
    command += ["--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing"]
    command += [
        "--seed",
        "1",
        "--no-shrink",
        "--generation-database",
        "none",
        "--continue-on-failure",
    ]
    command += ["--suppress-health-check", "all", "--request-timeout", "20", "--no-color"]
    command += ["--report", "json", "--report-json-path", str(report)]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.security.real_ids",
        "REAL_IDS": json.dumps(real_ids(shop)),
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_requests_made_up_from_the_description_get_its_answers(
    described_shop: Stack, django_user_model: Any, tmp_path: Path
) -> None:
    chief = django_user_model.objects.create_superuser("chief", "chief@payonce.example", "x")
    report = tmp_path / "report.json"
    done = run(described_shop, Token.objects.create(user=chief).key, report)
    Path("/tmp/oa.out").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-2_000:]
    told = json.loads(report.read_text())
    print(json.dumps(told)[:3000])
    print(done.stdout[-3000:])
