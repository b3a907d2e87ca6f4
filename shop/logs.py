"""Structured logs: one JSON line per fact, with the request id that it belongs to."""

import re
from typing import Any

import structlog

#: An order's address is the key to it, in a path as in a message of an exception.
ADDRESS = re.compile(r"(orders/)[A-Za-z0-9_-]{16,}")


def without_addresses(
    logger: Any, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Take the keys of orders out of texts that others wrote, such as Django's own lines."""
    for part in ("event", "exception"):
        if isinstance(event.get(part), str):
            event[part] = ADDRESS.sub(r"\1-", event[part])
    return event


#: Somebody's mail address, wherever it stands.
MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
#: Names of values that no log may hold, whatever they are.
SECRET_NAMES = re.compile(r"password|secret|token|authorization|api_key|cookie|body", re.IGNORECASE)
#: A text longer than this is somebody's body, not a fact.
TEXT_LENGTH_MAX = 2000


def without_secrets(
    logger: Any, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Hide values by their names, mail addresses by their form, and whole bodies by length."""
    for part, value in event.items():
        if part.startswith("_"):
            continue  # the standard library's own record
        if SECRET_NAMES.search(part):
            event[part] = "[hidden]"
        elif isinstance(value, str):
            limit = None if part == "exception" else TEXT_LENGTH_MAX
            event[part] = MAIL.sub("[mail]", value[:limit])
    return event


SHARED_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    without_addresses,
    without_secrets,
]


def configure() -> None:
    """Send structlog's events through the standard library's handlers."""
    structlog.configure(
        processors=[
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose events are dotted names, for example `payments.outcome.recorded`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def request_id() -> str:
    """The id of the request, or of the task, that this happens in; empty at a command line."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


#: Others' loggers. Some name paths, and an order's path is the key to it: our own lines name
#: routes instead.
LEVELS = {
    "httpx": "WARNING",
    "django.request": "ERROR",
    "django.security": "CRITICAL",
    "uvicorn.access": "WARNING",
    "uvicorn.error": "WARNING",
    "celery.app.trace": "WARNING",
    "celery.worker.strategy": "WARNING",
    "fontTools": "WARNING",
}


def logging_to_stdout(level: str) -> dict[str, Any]:
    """Django's LOGGING: every line as JSON on standard output."""
    json_lines = {
        "()": "structlog.stdlib.ProcessorFormatter",
        "processor": structlog.processors.JSONRenderer(),
        "foreign_pre_chain": SHARED_PROCESSORS,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": json_lines},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {name: {"level": at_least} for name, at_least in LEVELS.items()},
    }
