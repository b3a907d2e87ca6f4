"""The review desk: every open case with its age, what is known, and what to do about it."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from payments import reviews
from payments.models import Payment, Refund, ReviewCase
from payments.models.desk import ReviewKind
from shop.desk.advice import ADVICE, runbook_address
from shop.desk.doors import member
from shop.desk.pages import desk_page, desk_response
from shop.desk.paging import newest_first, oldest_first, with_changed
from shop.problems import Problem

VIEW = "payments.view_reviewcase"


@desk_page(VIEW)
@require_safe
def cases(request: HttpRequest) -> HttpResponse:
    """The open cases, those of one kind, mine, or resolved ones; what waits longest first."""
    kind = request.GET.get("kind", "")
    shown = request.GET.get("show", "open")
    found = ReviewCase.objects.select_related("claimed_by", "resolved_by")
    if kind in ReviewKind.values:
        found = found.filter(kind=kind)
    newest = request.GET.get("order", "newest" if shown == "resolved" else "oldest") == "newest"
    turn = newest_first if newest else oldest_first
    page = turn(request, _choose(found, shown, member(request).pk))
    return desk_response(
        request,
        "reviews",
        "Review cases",
        page=page,
        kind=kind,
        shown=shown,
        other_order=with_changed(
            request.GET, order="oldest" if newest else "newest", before=None, after=None
        ),
        newest=newest,
        kinds=_open_by_kind(),
        now=timezone.now(),
    )


def _choose(found: QuerySet[ReviewCase], shown: str, person_id: int) -> QuerySet[ReviewCase]:
    if shown == "resolved":
        return found.exclude(resolved_at=None)
    if shown == "mine":
        return found.filter(resolved_at=None, claimed_by=person_id)
    return found.filter(resolved_at=None)


def _open_by_kind() -> list[tuple[str, str, int]]:
    counted = ReviewCase.objects.filter(resolved_at=None).values_list("kind").annotate(Count("pk"))
    count = dict(counted.order_by())
    return [(k.value, str(k.label), count[k.value]) for k in ReviewKind if k.value in count]


@desk_page(VIEW)
@require_safe
def case(request: HttpRequest, case_id: int) -> HttpResponse:
    """One case: what is known, how it stands now, what to do."""
    return _shown(request, _found(case_id))


@desk_page(VIEW, reviews.RIGHT)
@require_POST
def claim(request: HttpRequest, case_id: int) -> HttpResponse:
    """Take the case, from nobody or from whom the page showed."""
    held_by = request.POST.get("held_by", "")
    if held_by and not (held_by.isascii() and held_by.isdecimal() and len(held_by) < 19):
        raise BadRequest("held_by is a number")
    holder = int(held_by) if held_by else None

    def act() -> None:
        reviews.claim(case_id=case_id, person=member(request), held_by=holder, now=timezone.now())

    return _done(request, case_id, act, "This case is yours.")


@desk_page(VIEW, reviews.RIGHT)
@require_POST
def resolve(request: HttpRequest, case_id: int) -> HttpResponse:
    """End the case with a reason."""
    reason = request.POST.get("reason", "")

    def act() -> None:
        reviews.resolve(case_id=case_id, person=member(request), reason=reason, now=timezone.now())

    return _done(request, case_id, act, "The case is resolved.")


def _done(request: HttpRequest, case_id: int, act: Callable[[], None], said: str) -> HttpResponse:
    try:
        act()
    except ReviewCase.DoesNotExist:
        raise Http404 from None
    except Problem as problem:
        return _shown(request, _found(case_id), problem=problem)
    messages.success(request, said)
    return redirect("desk:review", case_id=case_id)


def _found(case_id: int) -> ReviewCase:
    found = ReviewCase.objects.select_related("claimed_by", "resolved_by").filter(pk=case_id)
    case = found.first()
    if case is None:
        raise Http404
    return case


def _shown(
    request: HttpRequest,
    case: ReviewCase,
    problem: Problem | None = None,
) -> HttpResponse:
    person = member(request)
    return desk_response(
        request,
        "review",
        str(case),
        status=problem.status if problem else 200,
        case=case,
        known=_in_words(case),
        advice=ADVICE[ReviewKind(case.kind)],
        runbook=runbook_address(case.kind),
        payment=Payment.objects.filter(reference=case.subject).first(),
        refund=Refund.objects.filter(reference=case.subject).first(),
        problem=problem,
        awaits_transfer=case.resolved_at is None and reviews.awaits_transfer(case),
        may_act=person.has_perm(reviews.RIGHT) and case.resolved_at is None,
        is_mine=case.claimed_by_id == person.pk,
        reason=request.POST.get("reason", ""),
        reason_length_max=reviews.REASON_LENGTH_MAX,
        now=timezone.now(),
    )


def _in_words(case: ReviewCase) -> list[tuple[str, str]]:
    """What was known when it was opened, one line each."""
    return [
        (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in case.known.items()
    ]
