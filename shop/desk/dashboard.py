"""The dashboard: today and the last weeks, readable on paper and by a screen reader."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from payments.models.refund import RefundState
from shop.desk import charts, numbers
from shop.desk.pages import desk_page, desk_response

VIEW = "payments.view_payment"


@desk_page(VIEW)
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """Every figure stands in a table; the charts draw two of them."""
    now = timezone.now()
    found = numbers.figures(now=now)
    total = numbers.Tally()
    for tally in found["todays"].values():
        total.add(*vars(tally).values())
    return desk_response(
        request,
        "dashboard",
        "Dashboard",
        found=found,
        total=total,
        in_doubt=sum(unknown for _, unknown, _ in found["doubts"]),
        may_arrive=sum(superseded for _, _, superseded in found["doubts"]),
        waiting_refunds=found["refunds"].get(RefundState.REQUESTED, 0),
        sent_refunds=sum(
            count for state, count in found["refunds"].items() if state != RefundState.REQUESTED
        ),
        day_chart=charts.by_day(found["days"]),
        way_chart=charts.by_name(found["ways"]),
        groups=[
            ("Today, by way to pay", found["todays"]),
            (f"Last {numbers.DAYS_SHOWN} days, by way to pay", found["ways"]),
            (f"Last {numbers.DAYS_SHOWN} days, by kind", found["kinds"]),
            (f"Last {numbers.DAYS_SHOWN} days, by device", found["devices"]),
        ],
        now=now,
    )
