"""Where an attempt can stand, and what it can mean to its intent."""

from django.db import models


class State(models.TextChoices):
    """Where an attempt stands."""

    CREATED = "created"  # on disk; the gateway has not answered yet
    OPEN = "open"  # the shopper can pay
    UNKNOWN = "unknown"  # the gateway's answer was lost
    SUPERSEDED = "superseded"  # replaced, not proven dead: money may still arrive
    CAPTURED = "captured"  # pays the intent
    SURPLUS = "surplus"  # any other captured money: on its way back
    DECLINED = "declined"  # the gateway's final no
    CLOSED = "closed"  # the gateway's final: can never be paid


class Role(models.TextChoices):
    """What an attempt means to its intent."""

    NONE = "none"
    LIVE = "live"  # the one attempt that the shopper can pay now
    SETTLING = "settling"  # the one capture that pays the intent, for ever


#: A shopper whose capture was refused agrees anew; nobody does so for ever.
CAPTURES_MAX = 5
WAITING = [State.CREATED, State.OPEN, State.UNKNOWN]
UNSETTLED = [*WAITING, State.SUPERSEDED]
UNPAID = [*UNSETTLED, State.DECLINED, State.CLOSED]
