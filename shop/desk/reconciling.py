"""Each day's books: the gateway's statement against ours, its differences, its sign-off."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from payments import reconciling, registry
from payments.gateways.base import Refused, Unknown
from payments.models import Reconciliation, ReviewCase
from payments.models.desk import ReviewKind
from shop.books import owed
from shop.desk.doors import member
from shop.desk.exports import RIGHT as RIGHT_TO_EXPORT
from shop.desk.exports import put_on_record
from shop.desk.pages import desk_page, desk_response
from shop.desk.paging import newest_first, with_changed
from shop.desk.sheets import Row, in_batches, major, sheet
from shop.money import format_money
from shop.problems import Problem
from shop.record import note_act

VIEW = "payments.view_reconciliation"
SUMS = ("charged", "refunded", "fees", "payout")
DAYS_HEAD = (
    *("gateway", "day", "matched", "missing_here", "missing_there", "differing", "adopted"),
    *("currency", *SUMS, "signed_off_by", "signed_off_at"),
)
DIFFERENCES_HEAD = (
    *("gateway", "day", "problem", "kind", "payment", "subject", "order", "currency"),
    *("there", "here", "at", "why"),
)


@desk_page(VIEW)
@require_safe
def days(request: HttpRequest) -> HttpResponse:
    """The newest days first, of all gateways or one, or those that wait for a sign-off."""
    return desk_response(
        request,
        "reconciliations",
        "Reconciliation",
        page=newest_first(request, _chosen(request.GET)),
        gateway=request.GET.get("gateway", ""),
        open_only=request.GET.get("show") == "open",
        gateways=sorted(registry.configured()),
        query=with_changed(request.GET, before=None),
        may_export=member(request).has_perm(RIGHT_TO_EXPORT),
    )


def _chosen(told: QueryDict) -> QuerySet[Reconciliation]:
    found = Reconciliation.objects.select_related("signed_off_by").defer("differences")
    if (gateway := told.get("gateway", "")) in registry.configured():
        found = found.filter(gateway=gateway)
    return found.filter(signed_off_at=None) if told.get("show") == "open" else found


@desk_page(VIEW)
@require_safe
def day(request: HttpRequest, reconciliation_id: int) -> HttpResponse:
    """One day: sums per currency, and every difference with its review case."""
    return _shown(request, reconciliation_id)


@desk_page(VIEW, reconciling.RIGHT_TO_SIGN)
@require_POST
def sign(request: HttpRequest, reconciliation_id: int) -> HttpResponse:
    """Say that the figures which the page showed are right."""
    try:
        ran_at = datetime.fromisoformat(request.POST.get("ran_at", ""))
    except ValueError as error:
        raise BadRequest("The form names the run that it showed.") from error
    try:
        reconciling.sign_off(
            reconciliation_id=reconciliation_id,
            ran_at=ran_at,
            person=member(request),
            now=timezone.now(),
        )
    except Reconciliation.DoesNotExist:
        raise Http404 from None
    except (reconciling.NotSignable, reconciling.FiguresMoved) as problem:
        return _shown(request, reconciliation_id, problem)
    messages.success(request, "The day is signed off.")
    return redirect("desk:reconciliation", reconciliation_id=reconciliation_id)


@desk_page(VIEW, reconciling.RIGHT_TO_COMPARE)
@require_POST
def again(request: HttpRequest, reconciliation_id: int) -> HttpResponse:
    """Ask the gateway for the day's statement once more: adopt, compare, write it down."""
    day, now = _found(reconciliation_id), timezone.now()
    if day.gateway not in registry.configured():
        raise Http404
    try:
        result = reconciling.reconcile(gateway=day.gateway, day=day.day, owed=owed, now=now)
    except (Unknown, Refused):
        return _shown(request, reconciliation_id, NoStatement())
    differing = len(result.comparison.differences)
    note_act(
        member(request),
        "compared a day again",
        str(day),
        "",
        now=now,
        differences=differing,
        adopted=result.adopted,
    )
    messages.success(request, f"Compared again: {differing} differences, {result.adopted} adopted.")
    return redirect("desk:reconciliation", reconciliation_id=reconciliation_id)


class NoStatement(Problem):
    """Try again when the gateway answers: nothing was written."""

    status = 503
    slug = "no-statement"
    title = "The gateway gave no statement. The day stays as it is: try again later."


def _found(reconciliation_id: int) -> Reconciliation:
    found = Reconciliation.objects.select_related("signed_off_by").filter(pk=reconciliation_id)
    day = found.first()
    if day is None:
        raise Http404
    return day


def _shown(
    request: HttpRequest, reconciliation_id: int, problem: Problem | None = None
) -> HttpResponse:
    day = _found(reconciliation_id)
    return desk_response(
        request,
        "reconciliation",
        str(day),
        status=problem.status if problem else 200,
        day=day,
        sums=[
            (currency, [(name, format_money(found[name], currency)) for name in SUMS])
            for currency, found in day.totals.items()
        ],
        differences=_with_cases(day),
        open_cases=reconciling.open_cases_of(day),
        problem=problem,
        may_compare=member(request).has_perm(reconciling.RIGHT_TO_COMPARE),
        may_sign=member(request).has_perm(reconciling.RIGHT_TO_SIGN) and not day.signed_off_at,
        may_export=member(request).has_perm(RIGHT_TO_EXPORT),
    )


def _with_cases(day: Reconciliation) -> list[dict[str, object]]:
    """The differences as the day found them, amounts in words, each with its review case."""
    subjects = [f"{day.gateway} {d['subject']}" for d in day.differences]
    cases = {
        case.subject: case
        for case in ReviewCase.objects.filter(
            kind=ReviewKind.RECONCILIATION, subject__in=subjects
        ).order_by("pk")
    }
    return [
        d
        | {
            "there": _money(d["there_minor"], d["currency"]),
            "here": _money(d["here_minor"], d["currency"]),
            "case": cases.get(f"{day.gateway} {d['subject']}"),
        }
        for d in day.differences
    ]


def _money(minor: int | None, currency: str) -> str:
    return "" if minor is None else format_money(minor, currency)


@desk_page(VIEW, RIGHT_TO_EXPORT)
@require_POST
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The days that the list shows, or with `what=differences` each of their differences."""
    differences = request.POST.get("what") == "differences"
    found = _chosen(request.POST)
    name = "differences" if differences else "days"
    told = {k: v for k, v in request.POST.items() if k in ("gateway", "show")}
    put_on_record(member(request), f"reconciliation {name}", told)
    if differences:
        whole = in_batches(found.defer(None).select_related(None))
        return sheet(name, DIFFERENCES_HEAD, _difference_rows(whole))
    return sheet("reconciliation-days", DAYS_HEAD, _day_rows(in_batches(found)))


def _day_rows(found: Iterator[Reconciliation]) -> Iterator[Row]:
    for day in found:
        counts = (day.matched, day.missing_here, day.missing_there, day.differing, day.adopted)
        signed = (str(day.signed_off_by or ""), day.signed_off_at)
        for currency, sums in (day.totals or {"": {}}).items():
            money = [major(sums.get(name), currency) if currency else None for name in SUMS]
            yield (day.gateway, day.day, *counts, currency, *money, *signed)


def _difference_rows(found: Iterator[Reconciliation]) -> Iterator[Row]:
    for day in found:
        for d in day.differences:
            amounts = (major(d[name], d["currency"]) for name in ("there_minor", "here_minor"))
            what = (d["problem"], d["kind"], d["reference"], d["subject"], d["order_reference"])
            yield (day.gateway, day.day, *what, d["currency"], *amounts, d["at"], d["why"])
