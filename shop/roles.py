"""The staff's roles as groups: what each may do, written once and set by `manage.py roles`.

Rights are checked by name wherever they are used; a role is only a handy bundle of them. Who
asks for a refund never approves it, whatever roles they hold.
"""

from django.contrib.auth.models import Group, Permission
from django.db import transaction

#: What everybody at the desk sees: enough to answer "what happened to this payment?", and to
#: ask the gateway, which moves nothing that the gateway does not say.
LOOK = (
    *("orders.view_order", "orders.view_orderline", "orders.view_invoice"),
    *("orders.view_creditnote", "orders.view_mail"),
    *("orders.view_product", "orders.view_stockmovement"),
    *("payments.view_payment", "payments.view_paymentintent", "payments.view_refund"),
    *("payments.view_notification", "payments.view_reviewcase", "payments.view_reconciliation"),
)
ROLES: dict[str, tuple[str, ...]] = {
    "support": LOOK,
    "refunds": (*LOOK, "payments.refund_payment", "payments.resolve_review"),
    "approver": (
        *LOOK,
        "payments.approve_refund",
        "payments.resolve_review",
        "payments.sign_off",
        "payments.compare_day",
        "payments.export",
        "shop.view_staffaction",
    ),
    "operator": (
        *LOOK,
        "shop.view_outboxmessage",
        "shop.view_staffaction",
        "payments.replay_notification",
        "payments.compare_day",
        "payments.resolve_review",
        "payments.export",
    ),
}


class RightUnknown(Exception):
    """A role names a right that no migration has made: migrate first, or mend the table."""


def ensure_roles() -> dict[str, int]:
    """Make each group and set its rights to exactly these; role -> how many. Repeatable.

    Raises RightUnknown.
    """
    known = {
        f"{right.content_type.app_label}.{right.codename}": right
        for right in Permission.objects.select_related("content_type")
    }
    wanted = {right for rights in ROLES.values() for right in rights}
    if missing := sorted(wanted - set(known)):
        raise RightUnknown(", ".join(missing))
    with transaction.atomic():
        for name, rights in ROLES.items():
            group, _ = Group.objects.get_or_create(name=name)
            group.permissions.set([known[right] for right in rights])
    return {name: len(rights) for name, rights in ROLES.items()}
