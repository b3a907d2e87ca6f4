"""What a mail says: words, figures and papers, made from the order's rows in its language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.utils.translation import gettext as _

from orders import credit_notes, invoices
from orders.models import CreditNote, Mail, Occasion, Order
from orders.pages.words import method_words
from orders.templatetags.shopper import moment, money
from payments import services as payments
from payments.services import PaymentView, RefundView

Row = tuple[str, str]
Paper = tuple[str, bytes]


@dataclass(frozen=True)
class Table:
    """Figures under a title."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Letter:
    """A mail before it is text or HTML."""

    subject: str
    paragraphs: Sequence[str]
    tables: Sequence[Table] = ()
    last: Sequence[str] = ()
    papers: Sequence[Paper] = field(default=(), repr=False)


def letter_of(mail: Mail) -> Letter:
    """The letter, in the language that is active now."""
    return WRITERS[Occasion(mail.kind)](mail)


def order_link(order: Order) -> str:
    """The order's page: the address is the key to it."""
    return f"{settings.SHOP_URL}/orders/{order.public_id}/"


def _placed(mail: Mail) -> Letter:
    order = mail.order
    paragraphs = [_("Thank you for your order. Its page always shows where it and its money are.")]
    if order.is_open:
        until = {"until": moment(order.expires_at)}
        paragraphs.append(
            _("The goods are kept for you until %(until)s. Please pay by then.") % until
        )
    rows = [
        (f"{line.quantity} × {line.title}", _money(line.total_minor, order))
        for line in order.lines.all()
    ]
    if order.delivery_code:
        rows.append((order.delivery_title, _money(order.delivery_minor, order)))
    rows.append((_("Total"), _money(order.total_minor, order)))
    return Letter(
        subject=_("Your order %(number)s") % {"number": order.number},
        paragraphs=paragraphs,
        tables=[Table(_("Your order"), rows)],
        last=[_("Only who knows the page's address can open it: please do not pass it on.")],
    )


def _paid(mail: Mail) -> Letter:
    order = mail.order
    told = {"amount": _money(order.total_minor, order), "number": order.number}
    attempts = _payments(order)
    kept = next((p for p in attempts if p.settles), None)
    received = _("We received %(amount)s for order %(number)s, once. Thank you!")
    if any(p.captured_minor and not p.settles for p in attempts):
        received = _("We keep %(amount)s for order %(number)s, and no more. Thank you!")
    return Letter(
        subject=_("Paid: your receipt for order %(number)s") % told,
        paragraphs=[
            received % told,
            _("We pack your goods and hand them over within two working days."),
            _("The invoice is attached."),
        ],
        tables=[Table(_("Receipt"), _payment_rows(kept))] if kept else [],
        papers=[invoices.invoice_pdf(order.public_id)],
    )


def _surplus(mail: Mail) -> Letter:
    order = mail.order
    attempts = _payments(order)
    kept = next((p for p in attempts if p.settles), None)
    back = [p for p in attempts if p.captured_minor and not p.settles]
    told = {"number": order.number}
    if kept is None:
        subject = _("Money arrived for order %(number)s, and goes back")
    elif all(p.captured_minor == kept.captured_minor for p in back):
        subject = _("You paid twice for order %(number)s: one payment goes back")
    else:
        subject = _("More money arrived than order %(number)s costs: the rest goes back")
    tables = [Table(_("Kept: it pays this order."), _payment_rows(kept))] if kept else []
    return Letter(
        subject=subject % told,
        paragraphs=[
            _(
                "We keep one payment and send the rest back by itself, usually within "
                "5 to 10 days. You need not do anything."
            )
            if kept
            else _(
                "We send it back by itself, usually within 5 to 10 days. You need not do anything."
            )
        ],
        tables=[*tables, *(Table(_("It goes back."), _surplus_rows(p)) for p in back)],
    )


def _late(mail: Mail) -> Letter:
    order = mail.order
    tables = []
    for payment, refund in _refunds(order, mail.occasion):
        rows = [*_payment_rows(payment), (_("Refund"), refund.reference)]
        tables = [Table(_("It goes back."), rows)]
    return Letter(
        subject=_("Your money for order %(number)s came too late and goes back")
        % {"number": order.number},
        paragraphs=[
            _("The order had ended before your payment arrived, and the goods are gone."),
            _("We send it back by itself, usually within 5 to 10 days. You need not do anything."),
        ],
        tables=tables,
    )


def _refunded(mail: Mail) -> Letter:
    order = mail.order
    rows: list[Row] = []
    for payment, refund in _refunds(order, mail.occasion):
        rows = [
            (_("Amount"), money(refund.amount_minor, refund.currency)),
            (_("Time"), moment(refund.done_at)),
            (_("Refund"), refund.reference),
            (_("Paid by"), str(method_words(payment.method).title)),
            (_("Payment"), payment.reference),
        ]
    note = CreditNote.objects.filter(refund_reference=mail.occasion).first()
    papers = [credit_notes.draw(note)] if note else []
    tables = [Table(_("Sent back"), rows)] if rows else []
    letter = _sent_back(order, rows[0][1] if rows else "", with_note=note is not None)
    return replace(letter, tables=tables, papers=papers)


def refund_letter(order: Order, amount_minor: int, currency: str, *, with_note: bool) -> Letter:
    """The words about a refund that is only being thought of, for whoever sends it."""
    return _sent_back(order, money(amount_minor, currency), with_note=with_note)


def _sent_back(order: Order, amount: str, *, with_note: bool) -> Letter:
    attached = [_("The credit note is attached. The invoice itself stays as it is.")]
    return Letter(
        subject=_("Sent back: %(amount)s for order %(number)s")
        % {"amount": amount, "number": order.number},
        paragraphs=[
            _(
                "%(amount)s went back to you the way it came. "
                "Your bank may need some days to show it."
            )
            % {"amount": amount},
            *(attached if with_note else []),
        ],
    )


def _cancelled(mail: Mail) -> Letter:
    order = mail.order
    if order.cancel_reason == "shopper":
        happened = _("You cancelled this order. No payment arrived for it.")
    else:
        happened = _("The time to pay ran out. No payment arrived for this order.")
    return Letter(
        subject=_("Order %(number)s ended unpaid") % {"number": order.number},
        paragraphs=[
            happened,
            _("Its goods can be ordered again on its page, with your address kept."),
        ],
        last=[
            _(
                "If a payment arrives all the same, we send the goods if they are still there; "
                "else the money goes back by itself."
            )
        ],
    )


def _link(mail: Mail) -> Letter:
    told = {"number": mail.order.number}
    return Letter(
        subject=_("The link to your order %(number)s") % told,
        paragraphs=[
            _("Somebody, probably you, asked us to send this link again."),
            _("The order's page shows where the order and its money are."),
        ],
        last=[
            _("Only who knows the page's address can open it: please do not pass it on."),
            _("You did not ask for it? Then nothing has happened, and you need not do anything."),
        ],
    )


WRITERS: dict[Occasion, Callable[[Mail], Letter]] = {
    Occasion.PLACED: _placed,
    Occasion.PAID: _paid,
    Occasion.SURPLUS: _surplus,
    Occasion.LATE: _late,
    Occasion.REFUNDED: _refunded,
    Occasion.CANCELLED: _cancelled,
    Occasion.LINK: _link,
}


def _payments(order: Order) -> list[PaymentView]:
    return payments.list_payments(order_reference=order.number)


def _refunds(order: Order, reference: str) -> list[tuple[PaymentView, RefundView]]:
    """The refund of this reference with its payment, if payments know it."""
    return [(p, r) for p in _payments(order) for r in p.refunds if r.reference == reference]


def _payment_rows(payment: PaymentView) -> list[Row]:
    return [
        (_("Amount"), money(payment.captured_minor, payment.captured_currency)),
        (_("Paid by"), str(method_words(payment.method).title)),
        (_("Time"), moment(payment.captured_at)),
        (_("Payment"), payment.reference),
    ]


def _surplus_rows(payment: PaymentView) -> list[Row]:
    if not payment.refunds:
        return [*_payment_rows(payment), ("", _("A person looks at it and sends it back."))]
    return [*_payment_rows(payment), *((_("Refund"), r.reference) for r in payment.refunds)]


def _money(amount_minor: int, order: Order) -> str:
    return money(amount_minor, order.currency)
