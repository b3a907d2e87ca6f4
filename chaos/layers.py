"""The layers that stop a second charge: counted where they catch one, and taken away one by one.

    button        the page's script stops a second click           (chaos.visit models it)
    key           one answer for one idempotency key                shop.idempotency
    redis         the second start waits for the first one's answer payments.starting, shop.courtesy
    row lock      the second start finds the first one's payment    payments.models.intent
    index         one live or settling payment per intent           dropped by `chaos_stage`
    gateway key   a repeated request opens nothing new              the bank's knob `ignore_key`

Behind them all the second capture is sent back by itself: `refund` takes that away too, so that
a run shows that the judge sees a double charge. Only `chaos.settings` loads this.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models import QuerySet

from payments import asking, booking, starting
from payments.models import PaymentIntent
from payments.models.intent import IntentQuerySet
from payments.models.payment import PaymentQuerySet
from payments.models.refund import RefundKind
from payments.problems import PaymentAlreadySettled
from shop import courtesy, idempotency
from shop.idempotency import Claim
from shop.logs import get_logger

log = get_logger(__name__)

LAYERS = ("button", "key", "redis", "row lock", "index", "gateway key", "refund")
#: What a layer says in the log when it has caught a second request.
CAUGHT = "chaos.caught"


def prepare() -> None:
    """Call once, when the applications are loaded: count, and take one layer away if told so."""
    off = getattr(settings, "CHAOS_LAYER_OFF", "")
    if off and off not in LAYERS:
        raise ValueError(f"CHAOS_LAYER_OFF is one of {', '.join(LAYERS)}, not {off!r}.")
    _count(off)
    without = {"key": _no_key, "redis": _no_redis, "row lock": _no_row_lock, "refund": _no_refund}
    without.get(off, _nothing)()


def _caught(layer: str) -> None:
    log.info(CAUGHT, layer=layer)


def _count(off: str) -> None:
    """Let each layer say when it catches a second request."""
    for name in ("recall", "take"):
        _wrap(Claim, name, raises=(idempotency.Replay, idempotency.KeyInFlight), layer="key")
    _wrap(starting, "_begin", raises=(IntegrityError,), layer="index")
    _wrap(starting, "_cached", raises=(PaymentAlreadySettled,), layer="redis", returns=bool)
    _wrap(starting, "_show", raises=(), layer="row lock", returns=bool)
    create = asking.create

    def counted_create(payment: Any, **more: Any) -> Any:
        if payment.send_count > 1 and off != "gateway key":
            _caught("gateway key")
        return create(payment, **more)

    asking.create = counted_create


def _wrap(
    owner: Any,
    name: str,
    *,
    raises: tuple[type[Exception], ...],
    layer: str,
    returns: Callable[[Any], bool] = lambda _: False,
) -> None:
    original = getattr(owner, name)

    def counted(*args: Any, **more: Any) -> Any:
        try:
            answer = original(*args, **more)
        except raises:
            _caught(layer)
            raise
        if returns(answer):
            _caught(layer)
        return answer

    setattr(owner, name, counted)


# --- one layer less ---------------------------------------------------------------------------


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _no_key() -> None:
    """Every request is a new one, whatever key it carries."""
    for name in ("recall", "take", "store", "remember", "release"):
        setattr(Claim, name, _nothing)


def _no_redis() -> None:
    """Nobody waits for anybody, and no answer is remembered."""

    @contextmanager
    def no_lock(*_: Any, **__: Any) -> Iterator[courtesy.Held]:
        yield courtesy.Held.NO_REDIS

    courtesy.lock = no_lock
    starting._cached = _nothing


def _no_row_lock() -> None:
    """Everybody decides on what they happen to see."""

    def unlocked(rows: QuerySet[Any], **_: Any) -> QuerySet[Any]:
        return rows

    IntentQuerySet.select_for_update = unlocked  # type: ignore[method-assign,assignment]
    PaymentQuerySet.select_for_update = unlocked  # type: ignore[method-assign,assignment]
    IntentQuerySet.make_or_lock = _make_and_do_not_lock  # type: ignore[method-assign,assignment]


def _no_refund() -> None:
    """A second capture stays: a shop as it must never be."""
    write = booking.write_refund

    def keep(row: Any, amount_minor: int, kind: str, *told: Any, **more: Any) -> Any:
        if kind == RefundKind.SURPLUS:
            return None
        return write(row, amount_minor, kind, *told, **more)  # type: ignore[arg-type]

    booking.write_refund = keep


def _make_and_do_not_lock(
    rows: IntentQuerySet, *, order_reference: str, amount_minor: int, currency: str, now: Any
) -> PaymentIntent:
    """The intent, new or old, as it stood: others may change it at this very moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_paymentintent
                (order_reference, amount_minor, currency, created_at, version)
            VALUES (%s, %s, %s, %s, 1) ON CONFLICT (order_reference) DO NOTHING RETURNING id
            """,
            [order_reference, amount_minor, currency, now],
        )
        is_new = cursor.fetchone() is not None
    intent = PaymentIntent.objects.get(order_reference=order_reference)
    # A version above the first one says that there may be payments under it.
    intent.version += not is_new
    return intent
