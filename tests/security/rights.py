"""Who may do what: every address of the project, and what each kind of visitor is answered.

A new address or a new model in the admin without a row here fails a test.
"""

from __future__ import annotations

from dataclasses import dataclass

from shop.roles import ROLES

#: Anybody, staff without rights, staff who may look at everything, staff who may refund (and
#: look at payments), a superuser, and then one member of each role.
VISITORS = ("guest", "clerk", "viewer", "refunder", "chief", *ROLES)
Answers = tuple[int, ...]
#: Who sees payments, and who sees everything else of the desk.
LOOKERS = ("viewer", "refunder", "chief", *ROLES)
SEERS = ("viewer", "chief", *ROLES)
DECIDERS = ("chief", "refunds", "approver", "operator")
EXPORTERS = ("chief", "approver", "operator")


@dataclass(frozen=True)
class Door:
    """What is asked of one address of a paid order, and each visitor's answer."""

    verb: str
    answers: Answers
    body: str = ""


def everybody(status: int) -> Answers:
    return (status,) * len(VISITORS)


def page(status: int = 200) -> Door:
    return Door("GET", everybody(status))


def button(status: int = 302) -> Door:
    return Door("POST", everybody(status))


def api(status: int, body: str = "{}") -> Door:
    return Door("POST", everybody(status), body)


def staff(*may: str, status: int = 200, otherwise: int = 403, guest: int = 302) -> Answers:
    """Those named get `status`, all other staff `otherwise`; a stranger goes to the sign-in."""
    assert set(may) <= set(VISITORS), may
    return (guest, *(status if who in may else otherwise for who in VISITORS[1:]))


def desk(*may: str, status: int = 200) -> Door:
    return Door("GET", staff(*may, status=status))


def act(*may: str, status: int = 302, then: int | None = None) -> Door:
    """A button of the desk: the first who may gets `status`, whoever comes later `then`."""
    answers = list(staff(*may, status=status if then is None else then))
    answers[VISITORS.index(may[0])] = status
    return Door("POST", tuple(answers))


#: The order is paid, so a button only leads back to its page.
DOORS = {
    "": page(),
    "currency/": button(400),
    "basket/": page(),
    "basket/add/": button(400),
    "basket/update/": button(400),
    "checkout/": page(302),
    "send-link/": page(),
    "orders/<str:public_id>/": page(),
    "orders/<str:public_id>/back/": page(302),
    "orders/<str:public_id>/pay/": button(),
    "orders/<str:public_id>/check/": button(),
    "orders/<str:public_id>/cancel/": button(),
    "orders/<str:public_id>/again/": button(),
    "orders/<str:public_id>/another/": button(),
    "orders/<str:public_id>/invoice.pdf": page(),
    "orders/<str:public_id>/credit-notes/<str:label>.pdf": page(),
    # No key is set here, so no browser can be notified.
    "orders/<str:public_id>/notify/": button(400),
    "push-worker.js": page(),
    # Only the demo shows its mails.
    "demo/mails/": page(404),
    "api/v1/products/": page(),
    "api/v1/orders/": api(400),
    "api/v1/orders/<str:public_id>/": page(),
    "api/v1/orders/<str:public_id>/status/": page(),
    "api/v1/orders/<str:public_id>/payments/": api(409, '{"method": "qr"}'),
    "api/v1/orders/<str:public_id>/cancel/": api(409),
    "api/v1/orders/<path:rest>": page(404),
    # An empty body passes the gate and is then refused for what it lacks.
    "api/v1/payments/<str:reference>/refunds/": Door(
        "POST", staff("refunder", "chief", "refunds", status=400, guest=401), "{}"
    ),
    "api/v1/payments/<str:reference>/refresh/": Door("POST", staff(*LOOKERS, guest=401), "{}"),
    "api/schema/": page(),
    "api/docs/": page(),
    "webhooks/<slug:gateway>/": api(401),
    "i18n/setlang/": button(),
    "livez": page(),
    "readyz": page(),
    "metrics": page(),
    "admin/login/": Door("GET", staff(otherwise=302, guest=200)),
    "admin/second-factor/": Door("GET", staff(otherwise=200)),
    "admin/": Door("GET", staff(otherwise=200)),
    "admin/password_change/": Door("GET", staff(otherwise=200)),
    "admin/password_change/done/": Door("GET", staff(otherwise=200)),
    "admin/autocomplete/": Door("GET", staff()),
    "admin/jsi18n/": Door("GET", staff(otherwise=200)),
    "admin/desk/": desk(*LOOKERS),
    "admin/desk/search/": desk(*LOOKERS),
    "admin/desk/confirm/": desk(*LOOKERS),
    "admin/desk/orders/<str:number>/": desk(*LOOKERS),
    "admin/desk/payments/<str:reference>/ask/": act(*LOOKERS, status=200),
    "admin/desk/payments/<str:reference>/ask/apply/": act(*LOOKERS),
    "admin/desk/payments/<str:reference>/refund/": desk("refunder", "chief", "refunds"),
    "admin/desk/refunds/": desk(*LOOKERS),
    # Asked for by somebody else, it is approved; nobody noted the transfer yet.
    "admin/desk/refunds/<str:reference>/decide/": desk("chief", "approver"),
    "admin/desk/refunds/<str:reference>/transfer/": desk("refunder", "chief", "refunds"),
    "admin/desk/reviews/": desk(*SEERS),
    "admin/desk/reviews/<int:case_id>/": desk(*SEERS),
    "admin/desk/reviews/<int:case_id>/claim/": act(*DECIDERS, then=409),
    "admin/desk/reviews/<int:case_id>/resolve/": act(*DECIDERS, status=400, then=409),
    "admin/desk/inbox/": desk(*SEERS),
    "admin/desk/inbox/replay/": act("chief", "operator", status=400),
    "admin/desk/reconciliation/": desk(*SEERS),
    "admin/desk/reconciliation/<int:reconciliation_id>/": desk(*SEERS),
    "admin/desk/reconciliation/<int:reconciliation_id>/sign/": act("chief", "approver", status=400),
    "admin/desk/reconciliation/<int:reconciliation_id>/again/": act(*EXPORTERS),
    "admin/desk/reconciliation/export/": act(*EXPORTERS, status=200),
    "admin/desk/exports/": desk(*EXPORTERS),
    "admin/desk/exports/orders/": act(*EXPORTERS, status=400),
    "admin/desk/exports/payments/": act(*EXPORTERS, status=400),
    "admin/desk/runbook/": Door("GET", staff(otherwise=200)),
    "admin/r/<path:content_type_id>/<path:object_id>/": Door("GET", staff(otherwise=404)),
    "admin/shop/user/<id>/password/": Door("GET", staff("chief")),
    "admin/(?P<url>.*)$": Door("GET", staff(otherwise=404)),
    # Last: it signs out.
    "admin/logout/": Door("POST", staff(otherwise=200)),
}
APP_LIST = "admin/^(?P<app_label>"
APP_LIST_DOOR = Door("GET", staff(*SEERS, otherwise=404))


@dataclass(frozen=True)
class Model:
    """What the admin allows with one model: looking is by right, the rest by this table."""

    chief_adds: bool = False
    chief_deletes: bool = False
    looks: tuple[str, ...] = ()  # beside the viewer and the chief


LOOK_ONLY = Model()
FOR_ROLES = Model(looks=tuple(ROLES))
MODELS = {
    "auth/group": Model(chief_adds=True, chief_deletes=True),
    "shop/user": Model(chief_adds=True, chief_deletes=True),
    "shop/outboxmessage": Model(looks=("operator",)),
    "shop/staffaction": Model(looks=("approver", "operator")),
    "orders/order": FOR_ROLES,
    "orders/product": Model(chief_adds=True, looks=tuple(ROLES)),
    "orders/deliveryoption": Model(chief_adds=True, chief_deletes=True),
    "orders/invoice": FOR_ROLES,
    "orders/creditnote": FOR_ROLES,
    "orders/mail": FOR_ROLES,
    "orders/stockmovement": FOR_ROLES,
    "payments/payment": Model(looks=("refunder", *ROLES)),
    "payments/paymentintent": FOR_ROLES,
    "payments/refund": FOR_ROLES,
    "payments/notification": FOR_ROLES,
    "payments/reviewcase": FOR_ROLES,
}
ADMIN_PAGES = {
    "": "look",
    "<path:object_id>/change/": "look",
    "<path:object_id>/history/": "look",
    "<path:object_id>/": "redirect",
    "add/": "add",
    "<path:object_id>/delete/": "delete",
}


def door_of(route: str) -> Door | None:
    """The row of a route, or None: then somebody added an address without thinking of this."""
    if route.startswith(APP_LIST):
        return APP_LIST_DOOR
    if route in DOORS:
        return DOORS[route]
    _, app, model, *_ = [*route.split("/"), "", ""]
    name = f"{app}/{model}"
    page_kind = ADMIN_PAGES.get(route.removeprefix(f"admin/{name}/"))
    if name not in MODELS or page_kind is None:
        return None
    return Door("GET", _admin_answers(MODELS[name], page_kind))


def _admin_answers(model: Model, kind: str) -> Answers:
    if kind == "redirect":
        return everybody(302)
    if kind == "look":
        return staff("viewer", "chief", *model.looks)
    allowed = model.chief_adds if kind == "add" else model.chief_deletes
    return staff("chief") if allowed else staff()
