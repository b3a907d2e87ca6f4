"""What every page of the admin tells its operators."""

from django import template
from django.conf import settings

from shop import hardening

register = template.Library()


@register.simple_tag
def on_demo_servers() -> bool:
    """Whether the shop runs on the demo's own database or Redis."""
    return any(map(hardening.is_embedded, (settings.DATABASE_URL, settings.REDIS_URL)))
