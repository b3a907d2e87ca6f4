"""What one person asked for, another decides: refunds above the limit, transfers by hand."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from payments import services as payments
from payments.models import Refund
from payments.models.refund import RefundKind, RefundState
from payments.references import check_form
from shop.desk.confirming import confirmed
from shop.desk.doors import member
from shop.desk.finding import Hit
from shop.desk.pages import desk_page, desk_response
from shop.desk.paging import newest_first
from shop.desk.powers import APPROVE, ASK, Powers, powers
from shop.models import User
from shop.money import format_money
from shop.problems import Problem

#: As the column: a bank's own reference is shorter.
TRANSFER_LENGTH_MAX = 140


@desk_page("payments.view_payment")
@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """Every refund that waits for a person; a link for those who may do something about it."""
    rows = Refund.objects.filter(state=RefundState.REQUESTED).select_related("payment__intent")
    page = newest_first(request, rows)
    person = member(request)
    return desk_response(
        request,
        "refunds",
        "Refunds that wait for a person",
        page=page,
        rows=[(row, powers(person, row)) for row in page.rows],
    )


@desk_page("payments.view_payment")
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, reference: str) -> HttpResponseBase:
    """Approve or refuse what somebody else asked for; who asked may take it back."""
    row = _found(reference)
    may = powers(member(request), row)
    refuses = request.POST.get("decision") == "refuse"
    if row.state == RefundState.REQUESTED:
        _demand(may.decide if request.method != "POST" else may.refuse if refuses else may.approve)
    else:
        _demand(_is_a_decider(member(request)))
    return _decide(request, row, refuses)


@confirmed
def _decide(request: HttpRequest, row: Refund, refuses: bool) -> HttpResponse:
    page = "refund_transfer" if row.kind == RefundKind.MANUAL else "refund_decide"
    if request.method != "POST":
        return _shown(request, page, row)
    return _act(request, page, row, lambda: (_refuse if refuses else _approve)(request, row))


def _approve(request: HttpRequest, row: Refund) -> payments.RefundView:
    shown = request.POST.get("amount_minor", "")
    return payments.approve_refund(
        reference=row.reference,
        amount_minor=int(shown) if shown.isdecimal() and len(shown) < 16 else 0,
        actor=member(request).get_username(),
        now=timezone.now(),
    )


def _refuse(request: HttpRequest, row: Refund) -> payments.RefundView:
    return payments.reject_refund(
        reference=row.reference,
        reason=request.POST.get("why", ""),
        actor=member(request).get_username(),
        now=timezone.now(),
    )


@desk_page("payments.view_payment")
@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: HttpRequest, reference: str) -> HttpResponseBase:
    """A refund by hand: one person notes the bank transfer, another confirms it."""
    row = _found(reference)
    may = powers(member(request), row)
    if row.state == RefundState.REQUESTED:
        _demand(may.transfer)
    else:
        _demand(_is_a_decider(member(request)))
    return _transfer(request, row, may)


@confirmed
def _transfer(request: HttpRequest, row: Refund, may: Powers) -> HttpResponse:
    if request.method != "POST":
        return _shown(request, "refund_transfer", row)
    told = request.POST.get("transfer_reference", "").strip()
    if not 0 < len(told) <= TRANSFER_LENGTH_MAX or not told.isprintable():
        return _shown(request, "refund_transfer", row, status=400)
    act = payments.note_transfer if may.note else payments.complete_manual_refund
    return _act(
        request,
        "refund_transfer",
        row,
        lambda: act(
            reference=row.reference,
            transfer_reference=told,
            actor=member(request).get_username(),
            now=timezone.now(),
        ),
    )


def _demand(right: bool) -> None:
    """Before the password is asked for: it would open nothing."""
    if not right:
        raise PermissionDenied


def _is_a_decider(person: User) -> bool:
    """Who decides about refunds is told that this one does not wait any more."""
    return person.has_perm(ASK) or person.has_perm(APPROVE)


def _found(reference: str) -> Refund:
    check_form(reference)
    row = Refund.objects.select_related("payment__intent").filter(reference=reference).first()
    if row is None:
        raise payments.PaymentNotFound
    return row


def _act(
    request: HttpRequest, page: str, row: Refund, act: Callable[[], payments.RefundView]
) -> HttpResponse:
    try:
        made = act()
    except Problem as problem:
        return _shown(request, page, _found(row.reference), status=problem.status, problem=problem)
    messages.success(
        request,
        f"Refund of {format_money(made.amount_minor, made.currency)}: {made.state}.",
    )
    number = row.payment.intent.order_reference
    return HttpResponseRedirect(Hit(number, "", f"refund-{row.reference}").address)


def _shown(
    request: HttpRequest,
    page: str,
    row: Refund,
    *,
    status: int = 200,
    problem: Problem | None = None,
) -> HttpResponse:
    person = member(request)
    return desk_response(
        request,
        page,
        f"Refund {row.reference}",
        status=status,
        row=row,
        payment=row.payment,
        number=row.payment.intent.order_reference,
        problem=problem,
        mine=row.actor == person.get_username(),
        may=powers(person, row),
        by_hand=row.kind == RefundKind.MANUAL,
        is_waiting=row.state == RefundState.REQUESTED,
        changed=_others_minor(row) != row.seen_refunded_minor,
    )


def _others_minor(row: Refund) -> int:
    payment = row.payment
    return payment.refunded_minor + payment.refund_pending_minor - row.amount_minor
