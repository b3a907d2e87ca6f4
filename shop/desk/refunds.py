"""Sending money back: a form, a page with before and after, one refund.

The form carries what its reader saw and a key that counts once: whatever changed meanwhile,
whoever presses twice or goes back, at most one refund leaves, and the page says what is true.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import override
from django.views.decorators.http import require_http_methods

from orders.models import Order
from orders.post.letters import Letter, refund_letter
from payments import services as payments
from payments.models import Payment, Refund
from payments.models.payment import Role
from payments.requesting import needs_second_person
from shop import idempotency
from shop.desk.asking import found_payment
from shop.desk.confirming import confirmed
from shop.desk.doors import member
from shop.desk.finding import Hit
from shop.desk.pages import desk_page, desk_response
from shop.desk.refund_form import (
    RefundForm,
    SendForm,
    Sending,
    fresh_values,
    typed_minor,
    values_of_failed,
)
from shop.idempotency import Claim, Replay
from shop.money import format_money
from shop.problems import Problem


@desk_page("payments.view_payment", "payments.refund_payment")
@require_http_methods(["GET", "HEAD", "POST"])
@confirmed
def refund(request: HttpRequest, reference: str) -> HttpResponse:
    """The form; then its preview; then, from there, the refund itself."""
    payment = found_payment(reference)
    if request.method != "POST":
        return _form(request, payment, _blank(payment, request.GET.get("retry", "")))
    if request.POST.get("step") == "send":
        return _send(request, payment)
    form = RefundForm(request.POST, payment=payment, order=_order_of(payment))
    seen = request.POST.get("refunded_so_far_minor", "")
    if seen.isdecimal() and int(seen[:18]) != _so_far_minor(payment):
        return _refused(request, payment, payments.RefundedMeanwhile())
    if not form.is_valid():
        return _form(request, payment, form, status=400)
    return _preview(request, payment, form.sending)


def _so_far_minor(payment: Payment) -> int:
    return payment.refunded_minor + payment.refund_pending_minor


def _order_of(payment: Payment) -> Order | None:
    return Order.objects.filter(number=payment.intent.order_reference).first()


def _blank(payment: Payment, retry: str = "", **told: Any) -> RefundForm:
    """The form with the figures of now and a new key."""
    order, values = _order_of(payment), fresh_values(payment, **told)
    failed = payment.refunds.filter(reference=retry, state="failed").first() if retry else None
    if failed is not None:
        values |= values_of_failed(failed, order)
    return RefundForm(payment=payment, order=order, initial=values)


def _form(
    request: HttpRequest,
    payment: Payment,
    form: RefundForm,
    *,
    status: int = 200,
    problem: Problem | None = None,
    made: Refund | None = None,
    wrong: SendForm | None = None,
) -> HttpResponse:
    return desk_response(
        request,
        "refund",
        f"Refund of payment {payment.reference}",
        status=status,
        payment=payment,
        number=payment.intent.order_reference,
        form=form,
        wrong=wrong or form,
        problem=problem,
        made=made,
        can_refund=payment.has_money and payment.refundable_minor > 0,
    )


def _refused(request: HttpRequest, payment: Payment, problem: Problem) -> HttpResponse:
    """Nothing left: the same page with fresh figures and a fresh key."""
    fresh = found_payment(payment.reference)
    kept = {name: request.POST.get(name, "") for name in ("reason", "note", "retry")}
    form = _blank(fresh, **kept, tell_shopper="tell_shopper" in request.POST)
    return _form(request, fresh, form, status=problem.status, problem=problem)


def _preview(
    request: HttpRequest, payment: Payment, sending: Sending, *, mistyped: bool = False
) -> HttpResponse:
    order = _order_of(payment)
    return desk_response(
        request,
        "refund_preview",
        "Check the refund",
        status=400 if mistyped else 200,
        payment=payment,
        number=payment.intent.order_reference,
        order=order,
        letter=_letter(order, payment, sending),
        sending=sending,
        parts=sending.parts.as_json(),
        before=_balance(payment, 0),
        after=_balance(payment, sending.amount_minor),
        waits=_waits(request, payment, sending),
        mistyped=mistyped,
    )


def _letter(order: Order | None, payment: Payment, sending: Sending) -> Letter | None:
    """What the shopper is written once it is done, in the order's language."""
    if order is None or not sending.tell_shopper:
        return None
    with override(order.locale):
        return refund_letter(
            order,
            sending.amount_minor,
            payment.captured_currency,
            with_note=payment.role == Role.SETTLING,
        )


def _waits(request: HttpRequest, payment: Payment, sending: Sending) -> bool:
    actor = member(request).get_username()
    return needs_second_person(payment, sending.amount_minor, actor=actor, now=timezone.now())


def _balance(payment: Payment, more_minor: int) -> dict[str, int]:
    return {
        "refunded": payment.refunded_minor,
        "pending": payment.refund_pending_minor + more_minor,
        "left": payment.refundable_minor - more_minor,
    }


def _send(request: HttpRequest, payment: Payment) -> HttpResponse:
    form = SendForm(request.POST, payment=payment, order=_order_of(payment))
    if not form.is_valid():
        return _form(request, payment, _blank(payment), status=400, wrong=form)
    sending = form.sending
    if not form.is_stale and _is_mistyped(request, payment, sending):
        return _preview(request, payment, sending, mistyped=True)
    person = member(request)
    effect = asdict(sending) | {"parts": sending.parts.as_json()}
    del effect["key"]
    claim = Claim(f"POST {request.path} {person.pk}", sending.key, idempotency.fingerprint(effect))
    try:
        made = payments.refund_payment(
            payment_reference=payment.reference,
            amount_minor=sending.amount_minor,
            refunded_so_far_minor=sending.refunded_so_far_minor,
            reason=sending.reason,
            note=sending.note,
            parts=sending.parts.as_json(),
            tell_shopper=sending.tell_shopper,
            retry_of=sending.retry,
            actor=person.get_username(),
            claim=claim,
            now=timezone.now(),
        )
    except Replay as first:
        return _sent_before(request, payment, first)
    except Problem as problem:
        return _refused(request, payment, problem)
    messages.success(request, _said(made))
    return HttpResponseRedirect(
        Hit(payment.intent.order_reference, "", f"refund-{made.reference}").address
    )


def _is_mistyped(request: HttpRequest, payment: Payment, sending: Sending) -> bool:
    """Above the limit the amount is typed once more: a slip of the pen is seen by its writer."""
    if not payment.has_money or not _waits(request, payment, sending):
        return False
    try:
        typed = typed_minor(request.POST.get("typed", "").strip(), payment.captured_currency)
    except ValidationError:
        return True
    return typed != sending.amount_minor


def _sent_before(request: HttpRequest, payment: Payment, first: Replay) -> HttpResponse:
    """Pressed twice, or back and again: one refund, and here is what became of it."""
    made = Refund.objects.get(reference=first.body["reference"])
    fresh = found_payment(payment.reference)
    return _form(request, fresh, _blank(fresh), status=409, made=made)


def _said(made: payments.RefundView) -> str:
    amount = format_money(made.amount_minor, made.currency)
    if made.state != "requested":
        return f"Refund of {amount}: {made.state}."
    who = "transfers it by hand" if made.kind == "manual" else "approves it"
    return f"Refund of {amount} is asked for; it waits until a second person {who}."
