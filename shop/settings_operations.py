"""Settings for those who run the shop and watch it.

Beside `shop.settings`, which takes every name from here.
"""

from shop.environment import Environment

env = Environment()

# The demo's own servers are for a demo: production starts with them only when told so.
ALLOW_EMBEDDED = env.flag("ALLOW_EMBEDDED", default=False)

# --- Watching ------------------------------------------------------------------------------------
# Without a token anybody who reaches /metrics may read it.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# A worker shows its own figures on this port of all its addresses; 0: nowhere.
WORKER_METRICS_PORT = env.natural("WORKER_METRICS_PORT", default=0)
HEARTBEAT_SECONDS = env.positive("HEARTBEAT_SECONDS", default=10, cast=float)

# --- A gateway that is down ------------------------------------------------------------------
# Calls in a row without a trustworthy answer, within the window, that open the breaker: a few
# lost answers are an ordinary evening, twenty in a row are an outage.
BREAKER_UNKNOWNS = env.positive("BREAKER_UNKNOWNS", default=20)
BREAKER_WINDOW_SECONDS = env.positive("BREAKER_WINDOW_SECONDS", default=60, cast=float)
# Meanwhile one call is let through this often, and its methods are not offered until so long
# after the last of them failed.
BREAKER_PROBE_SECONDS = env.positive("BREAKER_PROBE_SECONDS", default=3, cast=float)
BREAKER_SECONDS = env.positive("BREAKER_SECONDS", default=10, cast=float)
# Time limits of one call: to connect, and to read. Twice the second may pass for a body that
# drips; a payment's lease must be longer than all of it (shop/hardening.py).
GATEWAY_CONNECT_SECONDS = env.positive("GATEWAY_CONNECT_SECONDS", default=1, cast=float)
GATEWAY_READ_SECONDS = env.positive("GATEWAY_READ_SECONDS", default=5, cast=float)
GATEWAY_CALL_SECONDS_MAX = GATEWAY_CONNECT_SECONDS + 2 * GATEWAY_READ_SECONDS

# Raw bodies of notifications are emptied after so many days by `manage.py purge`.
NOTIFICATION_BODIES_KEPT_DAYS = env.positive("NOTIFICATION_BODIES_KEPT_DAYS", default=90)
