"""The admin can live below another path, and nothing is left at the old one."""

import json

from tests.security.test_settings import on_our_servers, start

LOOK = """
import json, django; django.setup()
from django.conf import settings
from django.test import Client
settings.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
client = Client(raise_request_exception=False)
ask = lambda path: client.get(path, secure=True, headers={"Host": "shop.example"})
print(json.dumps({path: ask(path).status_code for path in (
    "/staff-7f3a/login/", "/staff-7f3a/", "/staff-7f3a/desk/search/", "/staff-7f3a/second-factor/",
    "/admin/", "/admin/login/", "/admin/desk/search/", "/admin/second-factor/",
)}))
"""


def test_every_staff_page_moves_with_it_and_the_old_address_is_empty(transactional_db):
    environment = on_our_servers() | {"ADMIN_PATH": "staff-7f3a/"}
    done = start("-c", LOOK, DJANGO_SETTINGS_MODULE="shop.settings", **environment)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert answers.pop("/staff-7f3a/login/") == 200
    assert {path: code for path, code in answers.items() if path.startswith("/staff")} == {
        "/staff-7f3a/": 302,
        "/staff-7f3a/desk/search/": 302,
        "/staff-7f3a/second-factor/": 302,
    }
    assert {code for path, code in answers.items() if path.startswith("/admin")} == {404}
