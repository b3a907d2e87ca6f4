"""A layer is taken away in the drill's own processes alone, and really away."""

import json
import os
import subprocess
import sys

import pytest

from chaos import layers_off
from chaos.house import CLOCKS, PROJECT
from chaos.layers import LAYERS

#: In a process of its own: what is replaced here stays replaced.
SCRIPT = """
import json, django
django.setup()
from django.conf import settings
from chaos import layers
from payments import booking, starting
from payments.models import PaymentIntent
from shop.idempotency import Claim

def locks():
    return PaymentIntent.objects.lock().query.select_for_update

said = {"as it is": locks()}
layers._no_row_lock()
said["row lock"] = locks()
layers._no_key()
said["key"] = Claim("scope", "key", "fingerprint").take(now=None)
layers._no_redis()
said["redis"] = starting._cached(None)
layers._no_refund()
said["refund"] = booking.write_refund(None, 1, "surplus", None)
settings.CHAOS_LAYER_OFF = "rwo lock"
try:
    layers.prepare()
except ValueError as error:
    said["misspelt"] = str(error)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    drill = {"CHAOS_LAYER_OFF": "", "DJANGO_SETTINGS_MODULE": "chaos.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT, env=os.environ | CLOCKS | drill,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_row_lock_is_there_until_it_is_taken_away(said):
    assert said["as it is"] is True
    assert said["row lock"] is False


@pytest.mark.parametrize("layer", ["key", "redis", "refund"])
def test_a_layer_that_is_off_does_nothing(said, layer):
    assert said[layer] is None


def test_a_misspelt_layer_stops_the_start(said):
    assert said["misspelt"].startswith("CHAOS_LAYER_OFF is one of button, key,")


def test_every_layer_has_a_run_without_it():
    assert set(layers_off.LAYERS) == {"none", *LAYERS}
