"""The database comes back: a restart or a failover ends its connections, not the shop."""

import time

from django.db import connection


def end_every_other_connection() -> None:
    """As a restart does; returns when the last of them is gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(pid) FROM pg_stat_activity, pg_terminate_backend(pid) ended"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        ended = cursor.fetchone()[0]
        assert ended
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [ended])
            if cursor.fetchone()[0] == 0:
                return
            time.sleep(0.05)
    raise AssertionError("some connections did not end")


def test_connections_that_died_cost_no_answer(ada):
    assert ada.sees()["state"] == "unpaid"
    end_every_other_connection()
    answers = [ada.shop.client.get(ada._path) for _ in range(20)]
    assert [answer.status_code for answer in answers] == [200] * 20
    reference = ada.pays_by("qr").json()["reference"]
    ada.shop.bank.pay(reference)
    ada.waits_for("paid")
    assert ada.net() == ada.owes
