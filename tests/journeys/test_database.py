"""The database comes back: a restart or a failover ends its connections, not the shop."""

from django.db import connection


def test_connections_that_died_cost_no_answer(ada):
    assert ada.sees()["state"] == "unpaid"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] > 0
    answers = [ada.shop.client.get(ada._path) for _ in range(20)]
    assert [answer.status_code for answer in answers] == [200] * 20
    reference = ada.pays_by("qr").json()["reference"]
    ada.shop.bank.pay(reference)
    ada.waits_for("paid")
    assert ada.net() == ada.owes
