"""Is the clock still wound? Beat ticks, a worker writes down that it heard it."""

from datetime import datetime, timedelta

from shop.models import Heartbeat


def beat(name: str, *, now: datetime) -> None:
    """Remember a tick; an older one that was delivered late changes nothing."""
    row, made = Heartbeat.objects.get_or_create(name=name, defaults={"beaten_at": now})
    if not made:
        Heartbeat.objects.filter(pk=row.pk, beaten_at__lt=now).update(beaten_at=now)


def age(name: str, *, now: datetime) -> timedelta | None:
    """How long ago the last tick came through; None when there never was one."""
    row = Heartbeat.objects.filter(name=name).first()
    return None if row is None else now - row.beaten_at
