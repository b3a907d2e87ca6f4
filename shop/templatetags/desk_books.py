"""What the admin's first page shows of the desk."""

from django import template

from payments.models import Refund, ReviewCase
from payments.models.refund import RefundState

register = template.Library()

#: More than this is "many": a first page does not count a flood.
COUNTED_MAX = 1000


@register.simple_tag
def open_review_cases() -> int:
    """How many cases wait for a person."""
    return ReviewCase.objects.filter(resolved_at=None).order_by()[:COUNTED_MAX].count()


@register.simple_tag
def waiting_refunds() -> int:
    """How many refunds wait for a second person."""
    return Refund.objects.filter(state=RefundState.REQUESTED).order_by()[:COUNTED_MAX].count()
