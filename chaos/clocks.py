"""Clocks that are constants of the shop, because nobody sets them: shorter for a drill.

None of them guards money; each only says how long a dead process's work waits for another.
"""

from datetime import timedelta

from orders import closing, sweeps
from orders.post import sending
from payments import inbox
from shop import outbox

ONE_SECOND = timedelta(seconds=1)
DEAD_AFTER = timedelta(seconds=4)
#: Delivered within that time, also on a busy machine: else another relay takes them again.
MESSAGES_AT_ONCE = 40


def shorten() -> None:
    """Call once, when the applications are loaded."""
    closing.CLOSE_PAUSE = ONE_SECOND
    closing.CLOSE_PAUSE_MAX = 2 * ONE_SECOND
    sweeps.CLAIM = DEAD_AFTER
    sweeps.PAUSE_MAX = 2 * ONE_SECOND
    sending.LEASE = DEAD_AFTER
    sending.PAUSE = ONE_SECOND
    inbox.TASK_PATIENCE = ONE_SECOND
    outbox.RELAY_LEASE = DEAD_AFTER
    outbox.PAUSE_MAX = 2 * ONE_SECOND
    outbox.relay.__kwdefaults__ = {"limit": MESSAGES_AT_ONCE}
