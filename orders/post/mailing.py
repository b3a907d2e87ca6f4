"""One mail to the mail server: text and simple HTML, no pictures, nothing that tracks."""

from __future__ import annotations

from smtplib import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from django.conf import settings
from django.core.mail import BadHeaderError, EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import override

from orders.models import Mail
from orders.post.carriers import CarrierDown, NotNow, NotThere
from orders.post.letters import letter_of, order_link


def send_mail(mail: Mail) -> None:
    """Hand the mail to the server. Raises CarrierDown, NotNow, NotThere."""
    try:
        message_of(mail).send()
    except BadHeaderError:
        raise NotThere("a line break in a header") from None
    except SMTPRecipientsRefused as refusal:
        codes = [code for code, _ in refusal.recipients.values()]
        final = all(code >= 500 for code in codes)
        raise (NotThere if final else NotNow)(f"recipient refused {codes}") from None
    except SMTPDataError as refusal:
        final = refusal.smtp_code >= 500
        raise (NotThere if final else NotNow)(f"content refused {refusal.smtp_code}") from None
    except SMTPAuthenticationError as refusal:
        raise CarrierDown(f"sign-in refused {refusal.smtp_code}") from None
    except SMTPResponseException as refusal:
        raise NotNow(f"mail server said {refusal.smtp_code}") from None
    except (SMTPException, OSError) as trouble:
        raise CarrierDown(type(trouble).__name__) from None


def message_of(mail: Mail) -> EmailMultiAlternatives:
    """The mail in its order's language; the same Message-ID at every try."""
    order = mail.order
    with override(order.locale):
        letter = letter_of(mail)
        told = {"letter": letter, "link": order_link(order), "help": settings.HELP_EMAIL}
        message = EmailMultiAlternatives(
            subject=letter.subject,
            body=render_to_string("mails/letter.txt", told),
            to=[order.email],
            headers={
                "Message-ID": mail.message_id,
                "Content-Language": order.locale,
                # No out-of-office answers, please.
                "Auto-Submitted": "auto-generated",
            },
        )
        message.attach_alternative(render_to_string("mails/letter.html", told), "text/html")
    for name, content in letter.papers:
        message.attach(name, content, "application/pdf")
    return message
