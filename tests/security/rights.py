"""Who may do what: every address of the project, and what each kind of visitor is answered.

A new address or a new model in the admin without a row here fails a test.
"""

from __future__ import annotations

from dataclasses import dataclass

#: In this order: anybody, staff without rights, staff who may look at everything, staff who
#: may refund (and look at payments), a superuser.
VISITORS = ("guest", "clerk", "viewer", "refunder", "chief")
Answers = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Door:
    """What is asked of one address of a paid order, and the five answers."""

    verb: str
    answers: Answers
    body: str = ""


def everybody(status: int) -> Answers:
    return (status,) * 5


def page(status: int = 200) -> Door:
    return Door("GET", everybody(status))


def button(status: int = 302) -> Door:
    return Door("POST", everybody(status))


def api(status: int, body: str = "{}") -> Door:
    return Door("POST", everybody(status), body)


#: The order is paid, so a button only leads back to its page.
DOORS = {
    "": page(),
    "currency/": button(400),
    "basket/": page(),
    "basket/add/": button(400),
    "basket/update/": button(400),
    "checkout/": page(302),
    "orders/<str:public_id>/": page(),
    "orders/<str:public_id>/back/": page(302),
    "orders/<str:public_id>/pay/": button(),
    "orders/<str:public_id>/check/": button(),
    "orders/<str:public_id>/cancel/": button(),
    "orders/<str:public_id>/again/": button(),
    "orders/<str:public_id>/another/": button(),
    "orders/<str:public_id>/invoice.pdf": page(),
    "api/v1/products/": page(),
    "api/v1/orders/": api(400),
    "api/v1/orders/<str:public_id>/": page(),
    "api/v1/orders/<str:public_id>/status/": page(),
    "api/v1/orders/<str:public_id>/payments/": api(409, '{"method": "qr"}'),
    "api/v1/orders/<str:public_id>/cancel/": api(409),
    "api/v1/orders/<path:rest>": page(404),
    # An empty body passes the gate and is then refused for what it lacks.
    "api/v1/payments/<str:reference>/refunds/": Door("POST", (401, 403, 403, 400, 400), "{}"),
    "api/v1/payments/<str:reference>/refresh/": Door("POST", (401, 403, 200, 200, 200), "{}"),
    "api/schema/": page(),
    "api/docs/": page(),
    "webhooks/<slug:gateway>/": api(401),
    "i18n/setlang/": button(),
    "livez": page(),
    "readyz": page(),
    "metrics": page(),
    "admin/login/": Door("GET", (200, 302, 302, 302, 302)),
    "admin/": Door("GET", (302, 200, 200, 200, 200)),
    "admin/password_change/": Door("GET", (302, 200, 200, 200, 200)),
    "admin/password_change/done/": Door("GET", (302, 200, 200, 200, 200)),
    "admin/autocomplete/": Door("GET", (302, 403, 403, 403, 403)),
    "admin/jsi18n/": Door("GET", (302, 200, 200, 200, 200)),
    "admin/r/<path:content_type_id>/<path:object_id>/": Door("GET", (302, 404, 404, 404, 404)),
    "admin/shop/user/<id>/password/": Door("GET", (302, 403, 403, 403, 200)),
    "admin/(?P<url>.*)$": Door("GET", (302, 404, 404, 404, 404)),
    # Last: it signs out.
    "admin/logout/": Door("POST", (302, 200, 200, 200, 200)),
}
APP_LIST = "admin/^(?P<app_label>"
APP_LIST_DOOR = Door("GET", (302, 404, 200, 404, 200))


@dataclass(frozen=True)
class Model:
    """What the admin allows with one model: looking is by right, the rest by this table."""

    chief_adds: bool = False
    chief_deletes: bool = False
    refunder_looks: bool = False


LOOK_ONLY = Model()
MODELS = {
    "auth/group": Model(chief_adds=True, chief_deletes=True),
    "shop/user": Model(chief_adds=True, chief_deletes=True),
    "shop/outboxmessage": LOOK_ONLY,
    "orders/order": LOOK_ONLY,
    "orders/product": Model(chief_adds=True),
    "orders/deliveryoption": Model(chief_adds=True, chief_deletes=True),
    "orders/invoice": LOOK_ONLY,
    "orders/stockmovement": LOOK_ONLY,
    "payments/payment": Model(refunder_looks=True),
    "payments/paymentintent": LOOK_ONLY,
    "payments/refund": LOOK_ONLY,
    "payments/notification": LOOK_ONLY,
    "payments/reviewcase": LOOK_ONLY,
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
        return (302, 403, 200, 200 if model.refunder_looks else 403, 200)
    allowed = model.chief_adds if kind == "add" else model.chief_deletes
    return (302, 403, 403, 403, 200 if allowed else 403)
