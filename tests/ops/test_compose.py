"""docker-compose.yml is what its specification allows, locked down, and its commands sell."""

import hashlib
import json
import re
import tempfile
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft201909Validator, ValidationError

from scripts import compose_processes
from scripts.compose_file import SECRETS, example
from tests.test_docs import settings_variables

PROJECT = Path(__file__).resolve().parents[2]
VENDOR = Path(__file__).parent / "vendor"
OURS = ("prepare", "web", "worker", "beat")
DIGESTS = ("POSTGRES", "VALKEY", "PROMETHEUS", "GRAFANA")
text = (PROJECT / "docker-compose.yml").read_text()
dockerfile = (PROJECT / "Dockerfile").read_text()


def validator() -> Draft201909Validator:
    return Draft201909Validator(json.loads((VENDOR / "compose-spec.json").read_text()))


@pytest.fixture
def known() -> dict[str, str]:
    return compose_processes.made_up()


@pytest.fixture
def services(known):
    return compose_processes.compose(known)["services"]


def test_it_fits_the_compose_specification(known):
    filled = compose_processes.compose(known)
    # In the specification since this copy of its schema was taken.
    assert filled.pop("name") == "payonce"
    validator().validate({k: v for k, v in filled.items() if not k.startswith("x-")})


def test_the_schema_finds_a_misspelt_word():
    with pytest.raises(ValidationError):
        validator().validate({"services": {"web": {"comand": "x"}}})


def test_the_schema_is_the_one_that_was_taken():
    told = dict(re.findall(r"^(\w+): (.+)$", (VENDOR / "VENDOR.txt").read_text(), re.MULTILINE))
    content = (VENDOR / told["path"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == told["sha256"]
    assert (VENDOR / "compose-spec-LICENSE.txt").read_text().strip().startswith("Apache License")


def test_every_service_that_lasts_is_checked_and_drained(services):
    for name, service in services.items():
        if name != "prepare":
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert compose_processes.seconds(service["stop_grace_period"]) >= 10, name


def test_a_worker_is_given_longer_than_a_task_may_take(services, settings):
    grace = compose_processes.seconds(services["worker"]["stop_grace_period"])
    assert grace > settings.CELERY_TASK_TIME_LIMIT


def test_our_containers_can_write_nowhere_and_gain_no_right(services):
    for name in (*OURS, "bank", "prometheus", "grafana"):
        service = services[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["tmpfs"], name
    assert re.search(r"^USER 10001$", dockerfile, re.MULTILINE)


def test_no_port_is_open_to_the_world(services):
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    for name in ("postgres", "valkey"):
        assert services[name]["networks"] == ["inside"]
        assert "ports" not in services[name]


def test_simulator_and_watching_are_profiles(services):
    profiles = {name: service.get("profiles") for name, service in services.items()}
    assert {n for n, p in profiles.items() if p == ["simulator"]} == {"bank"}
    assert {n for n, p in profiles.items() if p == ["watch"]} == {"prometheus", "grafana"}


def test_no_secret_has_a_default_and_none_is_written_down(known):
    for name in SECRETS:
        assert example()[name] == ""
        assert re.search(rf"\$\{{{name}:\?", text), name
        without = {k: v for k, v in known.items() if k != name}
        with pytest.raises(ValueError, match=name):
            compose_processes.compose(without)


def test_somebody_who_copied_the_example_has_everything_in_containers(services):
    told = services["web"]["environment"]
    assert told["BANK_URL"] == "http://bank:8001"
    assert told["REDIS_URL"] == "redis://valkey:6379/0"
    assert told["DATABASE_URL"].endswith("@postgres:5432/payonce")
    assert services["bank"]["environment"]["BANK_SHOP_URL"] == "http://web:8000"
    for name in ("127.0.0.1", "web", "localhost"):
        assert name in told["ALLOWED_HOSTS"].split(",")
    # Nothing else of the example leads from a container to itself.
    own = {
        name for name, value in told.items() if re.search(r"//\S*(127\.0\.0\.1|localhost)", value)
    }
    assert own == {"SHOP_URL", "BANK_PUBLIC_URL"}


#: What a container is not told, and why.
NOT_PASSED_ON = {
    "DEBUG": "shows insides",
    "DEMO": "shows every mail",
    "ALLOW_EMBEDDED": "the image has no such servers",
    "FAILPOINT": "for tests",
    "FAILPOINTS": "for tests",
    "PUSH_TEST_ORIGIN": "for tests",
    "SHOP_PORT": "of the demo; the container's is 8000",
    "BANK_PORT": "of the demo; the container's is 8001",
    "STATIC_ROOT": "of the image",
    "WORKER_METRICS_PORT": "the worker's alone",
}


def test_everything_that_can_be_set_can_be_set_in_the_env_file(known):
    can_be_set = set(settings_variables()) - set(NOT_PASSED_ON)
    assert set(NOT_PASSED_ON) <= set(settings_variables())
    for name in can_be_set:
        services = compose_processes.compose(known | {name: "a-value-of-ours"})["services"]
        for service in OURS:
            assert "a-value-of-ours" in services[service]["environment"].get(name, ""), (
                name,
                service,
            )


def test_the_shop_has_its_own_defaults_in_a_container_too(services):
    """A blank means the default, so compose repeats none; these it needs to find its containers."""
    differing = {"DATABASE_URL", "REDIS_URL", "BANK_URL", "BANK_PUBLIC_URL", "ALLOWED_HOSTS"}
    bare = compose_processes.compose(dict.fromkeys(SECRETS, "x"))["services"]["web"]["environment"]
    assert {name for name, value in bare.items() if value} == differing | set(SECRETS) & set(bare)


def test_images_can_be_pinned_by_digest(known):
    pins = {f"{name}_DIGEST": "@sha256:" + "0" * 64 for name in DIGESTS}
    images = [s["image"] for s in compose_processes.compose(known | pins)["services"].values()]
    strange = [image for image in images if not image.startswith("payonce:")]
    assert all(image.endswith("@sha256:" + "0" * 64) for image in strange)
    assert all(re.search(r":v?\d+\.\d+", image) for image in strange)
    assert "ARG PYTHON_IMAGE=" in dockerfile


def test_the_image_is_made_in_stages_and_keeps_no_secret():
    assert len(re.findall(r"^FROM ", dockerfile, re.MULTILINE)) == 3
    final = dockerfile.rpartition("FROM ")[2]
    assert "SECRET" not in final
    assert "pip install" not in final
    ignored = (PROJECT / ".dockerignore").read_text().split()
    assert {".git", ".env", ".data", "ops/metrics_token"} <= set(ignored)


def test_defaults_and_messages_are_filled_in_as_compose_does():
    fill = compose_processes.interpolate
    assert fill("a ${X:-b} $${Y}", {}) == "a b ${Y}"
    assert fill("${X:-b}", {"X": "c"}) == "c"
    assert fill("${X:-b ${Y:?set Y} d}", {"Y": "c"}) == "b c d"
    assert fill("${X:-b ${Y:?set Y} d}", {"X": "e"}) == "e"
    with pytest.raises(ValueError, match="set X"):
        fill("${X:?set X}", {"X": ""})


def test_configuration_files_that_are_mounted_exist(services):
    made_by_hand = {"./ops/metrics_token"}
    for name in ("prometheus", "grafana"):
        for volume in services[name]["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./") and source not in made_by_hand:
                assert (PROJECT / source).exists(), source
    for path in (PROJECT / "ops").rglob("*.yml"):
        assert yaml.safe_load(path.read_text())


def test_its_own_commands_sell_and_stop_cleanly(monkeypatch):
    for name in ("DATABASE_URL", "REDIS_URL", "DEBUG"):
        monkeypatch.delenv(name, raising=False)
    with tempfile.TemporaryDirectory(prefix="compose-") as folder:
        Path(folder).chmod(0o711)
        seen = compose_processes.rehearse(Path(folder))
    assert seen["order"].startswith("PO-")
    for name, end in seen["stopped"].items():
        assert end["code"] in (0, -15), (name, end)  # uvicorn ends by the signal once it is done
        assert end["seconds"] < 10, (name, end)
