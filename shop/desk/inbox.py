"""The notification inbox: what came, what became of it, and each gateway's health."""

from datetime import datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from payments import health, replaying
from payments.models import Notification
from shop.desk.doors import member
from shop.desk.pages import desk_page, desk_response
from shop.desk.paging import newest_first

VIEW = "payments.view_notification"
#: What the list can be narrowed to; the first of each pair stands in the address.
STATES = {
    "all": ("All", Q()),
    "waiting": ("Waiting", Q(processed_at=None)),
    "failed": ("Failed", Q(processed_at=None, result="unanswered")),
    "parked": ("Parked", Q(processed_at=None, result="parked")),
    "orphan": ("Orphans", Q(result="orphan")),
}


@desk_page(VIEW)
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """The newest notifications, and how the callbacks do."""
    now = timezone.now()
    state = request.GET.get("state", "all")
    state = state if state in STATES else "all"
    found = Notification.objects.defer("body").filter(STATES[state][1])
    return desk_response(
        request,
        "inbox",
        "Notifications",
        page=newest_first(request, found),
        state=state,
        states=[(name, label) for name, (label, _) in STATES.items()],
        counts=_counts_of_a_day(Notification.objects.all(), now),
        gateways=health.health_of_all(now=now),
        may_replay=member(request).has_perm(replaying.RIGHT),
        now=now,
    )


def _counts_of_a_day(found: QuerySet[Notification], now: datetime) -> list[tuple[str, int]]:
    counted = found.filter(received_at__gte=now - health.DAY).aggregate(
        received=Count("pk"),
        processed=Count("pk", filter=Q(processed_at__isnull=False)),
        failed=Count("pk", filter=STATES["failed"][1]),
        parked=Count("pk", filter=STATES["parked"][1]),
        orphaned=Count("pk", filter=STATES["orphan"][1]),
    )
    # Nothing is stored that was not genuine: what was received was verified.
    return [("received and verified", counted.pop("received")), *counted.items()]


@desk_page(VIEW, replaying.RIGHT)
@require_POST
def replay(request: HttpRequest) -> HttpResponse:
    """Follow the chosen notifications again."""
    chosen = request.POST.getlist("notification")
    if not chosen or len(chosen) > replaying.REPLAY_MAX:
        raise BadRequest("Choose some notifications.")
    if not all(pk.isascii() and pk.isdecimal() and len(pk) < 19 for pk in chosen):
        raise BadRequest("A notification goes by its number.")
    results = replaying.replay(map(int, chosen), person=member(request), now=timezone.now())
    counts = {result: list(results.values()).count(result) for result in results.values()}
    told = ", ".join(f"{count} {result}" for result, count in counts.items())
    messages.success(request, f"{len(results)} replayed: {told}." if results else "None found.")
    state = request.POST.get("state", "all")
    kept = f"?{urlencode({'state': state})}" if state in STATES and state != "all" else ""
    return redirect(reverse("desk:inbox") + kept)
