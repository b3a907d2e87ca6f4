"""Sending money back: a form, a page with before and after, one refund.

The form carries what its reader saw and a key that counts once: whatever changed meanwhile,
whoever presses twice or goes back, at most one refund leaves, and the page says what is true.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from orders.models import Order
from payments import services as payments
from payments.models import Payment, Refund
from payments.requesting import needs_second_person
from shop import idempotency
from shop.desk.asking import found_payment
from shop.desk.confirming import confirmed
from shop.desk.doors import member
from shop.desk.finding import Hit
from shop.desk.pages import desk_page, desk_response
from shop.desk.refund_form import AMOUNT, RefundForm, SendForm, fresh_values
from shop.desk.search import address_of
from shop.idempotency import Claim, Replay
from shop.money import format_money, to_decimal
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
    return _preview(request, payment, form)


def _so_far_minor(payment: Payment) -> int:
    return payment.refunded_minor + payment.refund_pending_minor


def _order_of(payment: Payment) -> Order | None:
    return Order.objects.filter(number=payment.intent.order_reference).first()


def _blank(payment: Payment, retry: str = "", **told: str) -> RefundForm:
    """The form with the figures of now and a new key."""
    values = fresh_values(payment, **told)
    failed = payment.refunds.filter(reference=retry, state="failed").first() if retry else None
    if failed is not None:
        amount = to_decimal(failed.amount_minor, failed.currency)
        values |= {"how": AMOUNT, "amount": str(amount), "retry": retry}
        values |= {"reason": failed.reason, "note": failed.note}
    return RefundForm(payment=payment, order=_order_of(payment), initial=values)


def _form(
    request: HttpRequest,
    payment: Payment,
    form: RefundForm,
    *,
    status: int = 200,
    problem: Problem | None = None,
    made: Refund | None = None,
) -> HttpResponse:
    return desk_response(
        request,
        "refund",
        f"Refund of payment {payment.reference}",
        status=status,
        payment=payment,
        number=payment.intent.order_reference,
        form=form,
        problem=problem,
        made=made,
        can_refund=payment.has_money and payment.refundable_minor > 0,
    )


def _refused(request: HttpRequest, payment: Payment, problem: Problem) -> HttpResponse:
    """Nothing left: the same page with fresh figures and a fresh key."""
    fresh = found_payment(payment.reference)
    kept = {name: request.POST.get(name, "") for name in ("reason", "note", "retry")}
    form = _blank(fresh, **kept)
    return _form(request, fresh, form, status=problem.status, problem=problem)


def _preview(request: HttpRequest, payment: Payment, form: RefundForm) -> HttpResponse:
    person = member(request).get_username()
    waits = needs_second_person(payment, form.amount_minor, actor=person, now=timezone.now())
    return desk_response(
        request,
        "refund_preview",
        "Check the refund",
        payment=payment,
        number=payment.intent.order_reference,
        order=_order_of(payment),
        told=form.cleaned_data,
        noted=form.noted,
        amount_minor=form.amount_minor,
        before=_balance(payment, 0),
        after=_balance(payment, form.amount_minor),
        waits=waits,
    )


def _balance(payment: Payment, more_minor: int) -> dict[str, int]:
    return {
        "refunded": payment.refunded_minor,
        "pending": payment.refund_pending_minor + more_minor,
        "left": payment.refundable_minor - more_minor,
    }


def _send(request: HttpRequest, payment: Payment) -> HttpResponse:
    form = SendForm(request.POST)
    if not form.is_valid():
        return _form(request, payment, _blank(payment), status=400)
    told = form.cleaned_data
    effect = {name: value for name, value in told.items() if name != "key"}
    person = member(request)
    try:
        made = payments.refund_payment(
            payment_reference=payment.reference,
            amount_minor=told["amount_minor"],
            refunded_so_far_minor=told["refunded_so_far_minor"],
            reason=told["reason"],
            note=told["note"],
            retry_of=told["retry"],
            actor=person.get_username(),
            claim=Claim(
                f"POST {request.path} {person.pk}", told["key"], idempotency.fingerprint(effect)
            ),
            now=timezone.now(),
        )
    except Replay as first:
        return _sent_before(request, payment, first)
    except Problem as problem:
        return _refused(request, payment, problem)
    messages.success(request, _said(made))
    return HttpResponseRedirect(
        address_of(Hit(payment.intent.order_reference, "", f"refund-{made.reference}"))
    )


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
