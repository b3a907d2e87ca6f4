"""The staff's roles: groups with exactly their rights, and one demo user for each."""

from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from shop import roles
from shop.models import User

pytestmark = pytest.mark.django_db(transaction=True)
#: Rights that let something happen; everything else of the desk is looking.
DEEDS = {
    *("refund_payment", "approve_refund", "resolve_review", "replay_notification"),
    *("sign_off", "export", "compare_day"),
}


def deeds_of(role: str) -> set[str]:
    return {right.split(".")[1] for right in roles.ROLES[role]} & DEEDS


def test_each_role_may_do_its_own_and_nobody_everything():
    assert {role: deeds_of(role) for role in roles.ROLES} == {
        "support": set(),
        "refunds": {"refund_payment", "resolve_review"},
        "approver": {"approve_refund", "resolve_review", "sign_off", "compare_day", "export"},
        "operator": {"replay_notification", "resolve_review", "compare_day", "export"},
    }


def test_no_role_changes_rows_or_accounts():
    for rights in roles.ROLES.values():
        assert {r.split(".")[1].split("_")[0] for r in rights} & {
            "add",
            "change",
            "delete",
        } == set()


def test_the_command_sets_the_rights_and_a_repeat_takes_back_what_was_added():
    call_command("roles", stdout=StringIO())
    support = Group.objects.get(name="support")
    support.permissions.add(Permission.objects.get(codename="refund_payment"))
    call_command("roles", stdout=StringIO())
    assert not support.permissions.filter(codename="refund_payment").exists()
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.ROLES)


def test_a_right_that_no_migration_made_is_named(monkeypatch):
    monkeypatch.setitem(roles.ROLES, "support", ("payments.fly",))
    with pytest.raises(roles.RightUnknown, match=r"payments\.fly"):
        roles.ensure_roles()


def test_the_demo_has_one_user_of_each_role_and_no_other_shop_has(settings, monkeypatch):
    monkeypatch.setenv("STAFF_PASSWORD", "correct-horse")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DEMO = False
    call_command("seed", stdout=StringIO())
    assert set(User.objects.values_list("username", flat=True)) == {"staff"}
    settings.DEMO = True
    for _ in range(2):
        call_command("seed", stdout=StringIO())
    for role in roles.ROLES:
        person = User.objects.get(username=role)
        assert person.check_password("correct-horse")
        assert person.has_perm("payments.view_payment")
        assert person.has_perm("payments.refund_payment") == (role == "refunds")
