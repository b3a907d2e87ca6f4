"""What operators count: the ground's part, told where it happens.

These are counted by each process for itself, and a counter begins again at zero when its
process does: sum over processes with `rate()`. The web's are at /metrics; a worker shows its
own when WORKER_METRICS_PORT is set (it runs in threads: one process, one set of figures).
What is in the database is no counter: `shop.figures` reads it when it is asked.
"""

from prometheus_client import Counter, Gauge, Histogram

#: A wallet answers in a tenth of a second; a call ends for certain within eleven.
GATEWAY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 6, 11)
#: A notification is followed at once, or by the sweep, or after a broken night.
CALLBACK_SECONDS = (0.5, 1, 2, 5, 15, 60, 300, 3600, 86400)

gateway_seconds = Histogram(
    "payonce_gateway_seconds",
    "How long a gateway took to answer, or we to give up",
    ["gateway", "operation"],
    buckets=GATEWAY_SECONDS,
)
gateway_answers = Counter(
    "payonce_gateway_answers_total",
    "Calls to a gateway by what came of them: answered, refused, unknown, held",
    ["gateway", "operation", "answer"],
)
breaker_open = Gauge(
    "payonce_breaker_open",
    "1 while this process leaves a gateway alone",
    ["gateway"],
)
polls = Counter(
    "payonce_polls_total",
    "Questions about a payment that nobody had answered yet, by who asked",
    ["by"],
)
rescued = Counter(
    "payonce_rescued_total",
    "Captures that no notification told of, by who found them: poll, return, sweep, staff",
    ["by"],
)
captures = Counter(
    "payonce_captures_total",
    "Captured payments, by what they were to their order: settling or surplus",
    ["gateway", "role"],
)
duplicates_stopped = Counter(
    "payonce_duplicates_stopped_total",
    "Second requests that had no second effect: start, key, notification",
    ["what"],
)
callback_seconds = Histogram(
    "payonce_callback_seconds",
    "From a notification's arrival until it was followed",
    ["gateway"],
    buckets=CALLBACK_SECONDS,
)
