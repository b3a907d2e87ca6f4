"""Orders and payments as CSV: chosen by days and states, streamed, and on record."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from orders.models import Order
from payments import daybook, registry
from payments.models import Payment
from payments.models.payment import State
from shop.desk.doors import member
from shop.desk.pages import desk_page, desk_response
from shop.desk.sheets import Row, in_batches, major, sheet
from shop.models import StaffAction, User

RIGHT = "payments.export"
#: A year at once; whoever needs more asks twice.
DAYS_MAX = 366
ORDER_HEAD = (
    *("number", "state", "placed_at", "paid_at", "cancelled_at", "email"),
    *("currency", "total", "tax", "delivery", "total_minor"),
)
PAYMENT_HEAD = (
    *("reference", "order", "gateway", "method", "state", "role", "currency", "amount"),
    *("captured_currency", "captured", "refunded", "on_its_way_back"),
    *("created_at", "captured_at", "ended_at", "gateway_order_id", "gateway_transaction_id"),
)


@dataclass(frozen=True)
class Choice:
    """What a sheet is narrowed to; days are UTC and both included."""

    first: date
    last: date
    state: str = ""
    gateway: str = ""

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first moment, and the first that is too late."""
        return daybook.bounds(self.first)[0], daybook.bounds(self.last)[1]

    @property
    def name(self) -> str:
        """For the file."""
        return f"{self.first}-to-{self.last}"


@desk_page(RIGHT)
@require_safe
def exports(request: HttpRequest) -> HttpResponse:
    """Choose days, states and gateway."""
    today = timezone.now().astimezone(UTC).date()
    return desk_response(
        request,
        "exports",
        "Exports",
        first=today - timedelta(days=30),
        last=today,
        order_states=Order.State.values,
        payment_states=State.values,
        gateways=sorted(registry.configured()),
    )


@desk_page(RIGHT)
@require_POST
def orders(request: HttpRequest) -> StreamingHttpResponse:
    """Orders by the day on which they were placed."""
    choice = chosen(request.POST, states=Order.State.values)
    first, last = choice.span
    found = Order.objects.filter(placed_at__gte=first, placed_at__lt=last)
    if choice.state:
        found = found.filter(state=choice.state)
    put_on_record(member(request), "orders", asdict(choice))
    return sheet(f"orders-{choice.name}", ORDER_HEAD, map(_order_row, in_batches(found)))


@desk_page(RIGHT)
@require_POST
def payments(request: HttpRequest) -> StreamingHttpResponse:
    """Payments by the day on which they were started."""
    choice = chosen(request.POST, states=State.values)
    first, last = choice.span
    found = Payment.objects.filter(created_at__gte=first, created_at__lt=last)
    if choice.state:
        found = found.filter(state=choice.state)
    if choice.gateway:
        found = found.filter(gateway=choice.gateway)
    put_on_record(member(request), "payments", asdict(choice))
    rows: Iterator[Payment] = in_batches(found.select_related("intent"))
    return sheet(f"payments-{choice.name}", PAYMENT_HEAD, map(_payment_row, rows))


def chosen(told: QueryDict, *, states: list[str]) -> Choice:
    """What the form asked for. Raises BadRequest for what it cannot have sent."""
    try:
        first, last = (date.fromisoformat(told.get(name, "")) for name in ("from", "to"))
    except ValueError as error:
        raise BadRequest("Days are written YYYY-MM-DD.") from error
    state, gateway = told.get("state", ""), told.get("gateway", "")
    if first > last or (last - first).days >= DAYS_MAX or last.year > 9000:
        raise BadRequest(f"At most {DAYS_MAX} days, the first one first.")
    if state not in ("", *states) or gateway not in ("", *registry.configured()):
        raise BadRequest("No such state or gateway.")
    return Choice(first, last, state, gateway)


def put_on_record(person: User, what: str, detail: dict[str, Any]) -> None:
    """Who took what out of the shop; written before the first row leaves."""
    StaffAction.objects.create(
        actor=person,
        action="export",
        subject=what,
        detail={name: str(value) for name, value in detail.items()},
        at=timezone.now(),
    )


def _order_row(order: Order) -> Row:
    return (
        *(order.number, order.state, order.placed_at, order.paid_at, order.cancelled_at),
        *(order.email, order.currency),
        *(major(minor, order.currency)
          for minor in (order.total_minor, order.tax_minor, order.delivery_minor)),
        order.total_minor,
    )  # fmt: skip


def _payment_row(payment: Payment) -> Row:
    taken = payment.captured_currency
    return (
        *(payment.reference, payment.intent.order_reference, payment.gateway, payment.method),
        *(payment.state, payment.role, payment.currency),
        major(payment.amount_minor, payment.currency),
        taken,
        *(major(minor, taken) if taken else None
          for minor in (
              payment.captured_minor, payment.refunded_minor, payment.refund_pending_minor)),
        *(payment.created_at, payment.captured_at, payment.ended_at),
        *(payment.gateway_order_id, payment.gateway_transaction_id),
    )  # fmt: skip
