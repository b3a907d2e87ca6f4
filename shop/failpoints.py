"""Named points where a test lets the process die; elsewhere they do nothing.

`FAILPOINT=payment.committed` makes the process that reaches this point end by SIGKILL, as a
power cut would: no exception is raised, nothing is cleaned up. The settings refuse to start
with it outside of DEBUG.
"""

import os
import signal

from django.conf import settings

#: Every point, and what has just happened when it is reached.
POINTS = {
    "payment.committed": "the attempt is on disk, the gateway has not been asked",
    "gateway.answered": "the gateway has answered, nothing of it is recorded",
    "outcome.recording": "the outcome is written but not committed",
    "outcome.committed": "the outcome is committed, nobody has been told",
    "close.committed": "the wish to close is on disk, the gateway has not been asked",
    "refund.committed": "the refund is on disk, the gateway has not been asked",
    "refund.answered": "the gateway has answered about a refund, nothing is recorded",
    "notification.stored": "the notification is on disk, not acknowledged",
    "relay.claimed": "the relay has taken a message, nothing is delivered",
    "post.sent": "a mail or notification went out, its row does not say so",
    "relay.delivering": "a subscriber has been told, the message is not marked done",
}


def reach(point: str) -> None:
    """Die here, if a test asked for it."""
    if point == settings.FAILPOINT:
        os.kill(os.getpid(), signal.SIGKILL)
