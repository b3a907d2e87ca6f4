"""The device that a shopper pays on goes with the payment, by the browser's own word."""

from io import StringIO

import pytest
from django.core.management import call_command

from payments.models import Payment
from tests.buyer import Buyer

PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari"
DESK = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("browser", "device"), [(PHONE, "mobile"), (DESK, "desktop"), ("", "desktop")]
)
def test_a_phone_is_told_from_a_desk(bank, browser, device):
    call_command("seed", verbosity=0, stdout=StringIO())
    buyer = Buyer()
    buyer.client.defaults["HTTP_USER_AGENT"] = browser
    buyer.pay(buyer.order())
    assert Payment.objects.get().request["device"] == device
