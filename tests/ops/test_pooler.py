"""Behind a pooler in transaction mode: nothing lives in a session, and the limits stay."""

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from shop import doctor
from shop.database import limits
from shop.environment import Environment
from tests.security.test_settings import PRODUCTION, read


def test_a_pooler_is_asked_for_nothing_that_lives_in_a_session():
    direct, pooled = read(PRODUCTION, PRODUCTION | {"DATABASE_POOLER": "transaction"})
    assert "statement_timeout=15s" in direct["DATABASES"]
    assert "'options'" not in pooled["DATABASES"]
    assert "'prepare_threshold': None" in pooled["DATABASES"]
    assert "'DISABLE_SERVER_SIDE_CURSORS': True" in pooled["DATABASES"]
    # The pool of each process stays: it spares the handshake with the pooler.
    assert "'max_size': 40" in pooled["DATABASES"]


def test_a_pooler_that_nobody_knows_stops_the_start(monkeypatch):
    monkeypatch.setenv("DATABASE_POOLER", "sessions")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_POOLER is one of none, transaction"):
        Environment().choice("DATABASE_POOLER", default="none", among=limits.POOLERS)
    monkeypatch.setenv("DATABASE_POOLER", "")
    assert Environment().choice("DATABASE_POOLER", default="none", among=limits.POOLERS) == "none"


def fresh_connection() -> psycopg.Connection:
    """As a pooler makes it: our role and database, and no word of ours."""
    told = connection.get_connection_params()
    for name in ("options", "cursor_factory", "context"):
        told.pop(name, None)
    return psycopg.connect(**told, autocommit=True)


def shown(name: str) -> str:
    with fresh_connection() as pooled:
        row = pooled.execute(f"SHOW {name}").fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture
def limits_of_the_role(transactional_db):
    limits.keep()
    yield
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER ROLE CURRENT_USER IN DATABASE {connection.settings_dict['NAME']} RESET ALL"
        )


@pytest.mark.django_db(transaction=True)
def test_without_limits_of_the_role_a_pooled_connection_has_none():
    assert shown("statement_timeout") == "0"


def test_the_roles_limits_reach_connections_that_say_nothing(limits_of_the_role):
    assert {name: shown(name) for name in limits.LIMITS} == limits.LIMITS
    limits.keep()  # again, and nothing changes
    assert {name: shown(name) for name in limits.LIMITS} == limits.LIMITS


@pytest.mark.django_db(transaction=True)
def test_the_doctor_sees_whether_the_limits_are_in_force():
    (good,) = doctor.examine("time limits")
    assert good.level is doctor.Level.OK
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    try:
        (bad,) = doctor.examine("time limits")
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{limits.LIMITS['statement_timeout']}'")
    assert bad.level is doctor.Level.BAD
    assert "statement_timeout = 0" in bad.saw
    assert "manage.py prepare" in bad.saw


def test_these_tests_speak_to_the_database_itself():
    assert settings.DATABASE_POOLER == "none"
