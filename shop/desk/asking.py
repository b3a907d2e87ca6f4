"""Ask the gateway now: first its answer beside ours, then, on a second press, the change."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from payments import services as payments
from payments.models import Payment
from payments.references import check_form
from shop.desk.doors import member
from shop.desk.finding import Hit
from shop.desk.pages import desk_page, desk_response
from shop.record import note_act


@desk_page("payments.view_payment")
@require_POST
def ask(request: HttpRequest, reference: str) -> HttpResponse:
    """The gateway's word and what it would change; nothing but the question is written."""
    payment = found_payment(reference)
    now = timezone.now()
    answer = payments.preview_answer(reference=reference, now=now)
    note_act(
        member(request),
        "asked the gateway",
        reference,
        payment.intent.order_reference,
        now=now,
        answer=answer.answer,
        milliseconds=answer.milliseconds,
        would=answer.would,
    )
    number = payment.intent.order_reference
    return desk_response(
        request, "ask", "The gateway's answer", payment=payment, answer=answer, number=number
    )


@desk_page("payments.view_payment")
@require_POST
def apply(request: HttpRequest, reference: str) -> HttpResponse:
    """Ask once more and record what it says now: the answer on the page may be old."""
    before = found_payment(reference)
    number = before.intent.order_reference
    person, now = member(request), timezone.now()
    row = payments.apply_answer(reference=reference, actor=person.get_username(), now=now)
    note_act(
        person,
        "applied the gateway's answer",
        reference,
        number,
        now=now,
        before=before.state,
        after=row.state,
    )
    said = f"{before.state} → {row.state}" if before.state != row.state else "nothing to change"
    messages.success(request, f"Asked the gateway about {reference}: {said}.")
    return HttpResponseRedirect(Hit(number, "", f"payment-{reference}").address)


def found_payment(reference: str) -> Payment:
    """The payment with its intent. Raises PaymentNotFound."""
    check_form(reference)
    payment = Payment.objects.select_related("intent").filter(reference=reference).first()
    if payment is None:
        raise payments.PaymentNotFound
    return payment
