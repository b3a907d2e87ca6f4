"""Settings of the desk: when a person is told, and when the books are compared."""

from shop.environment import Environment

env = Environment()

# --- Review cases ------------------------------------------------------------------------------
# Once may be haste; who says it more often than this has probably paid.
SAYS_PAID_MAX = env.positive("SAYS_PAID_MAX", default=3)
# A gateway that gave no answer for this long is asked about by a person.
UNKNOWN_MAX_SECONDS = env.positive("UNKNOWN_MAX_SECONDS", default=600, cast=float)
WATCH_SECONDS = env.positive("WATCH_SECONDS", default=60, cast=float)
# Payments were captured and nobody told us for this long: the callbacks have stopped.
SILENCE_SECONDS = env.positive("SILENCE_SECONDS", default=900, cast=float)
# Where review cases link to; empty: the page that the desk makes of docs/runbook.md.
RUNBOOK_URL = env.str("RUNBOOK_URL", default="")

# --- Reconciliation ----------------------------------------------------------------------------
# Each run does what is missing of the last days, so a stopped clock loses none.
RECONCILE_SECONDS = env.positive("RECONCILE_SECONDS", default=3600, cast=float)
RECONCILE_DAYS = env.positive("RECONCILE_DAYS", default=7)
