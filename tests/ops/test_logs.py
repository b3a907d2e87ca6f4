"""What the logs hold: the request that led to each line, and nothing that is somebody's."""

import io
import json
import logging

import pytest
import structlog
from celery import shared_task

from shop.celery import REQUEST_ID, app
from shop.logs import get_logger, logging_to_stdout
from tests.payments.broker import QUEUE, forget_sent

SEEN: list[dict[str, object]] = []


@shared_task(name="tests.note_context")  # type: ignore[untyped-decorator]
def note_context() -> None:
    SEEN.append(dict(structlog.contextvars.get_contextvars()))


@pytest.fixture
def to_stdout():
    """The last line as production's own handler writes it."""
    told = logging_to_stdout("INFO")["formatters"]["json"]
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=told["processor"], foreign_pre_chain=told["foreign_pre_chain"]
        )
    )
    logger = logging.getLogger("tests.logs")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)

    def last() -> dict[str, object]:
        line: dict[str, object] = json.loads(output.getvalue().splitlines()[-1])
        return line

    yield last
    logger.handlers, logger.propagate = [], True


@pytest.fixture(autouse=True)
def empty_broker():
    forget_sent()
    yield
    forget_sent()


def headers_of_the_one_sent() -> dict[str, object]:
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(QUEUE)
        message = queue.get(timeout=2)
        message.ack()
        queue.close()
    headers: dict[str, object] = message.headers
    return headers


def test_a_task_carries_the_request_that_led_to_it():
    with structlog.contextvars.bound_contextvars(request_id="request-0123456789"):
        app.send_task("tests.note_context")
    assert headers_of_the_one_sent()[REQUEST_ID] == "request-0123456789"


def test_a_task_without_a_request_carries_none():
    app.send_task("tests.note_context")
    assert REQUEST_ID not in headers_of_the_one_sent()


def test_lines_of_a_task_name_its_request_and_itself_and_the_next_task_starts_clean():
    SEEN.clear()
    note_context.apply(headers={REQUEST_ID: "request-0123456789"})
    assert SEEN == [{"request_id": "request-0123456789", "task": "tests.note_context"}]
    assert structlog.contextvars.get_contextvars() == {}
    note_context.apply(task_id="task-1")
    assert SEEN[1] == {"request_id": "task-1", "task": "tests.note_context"}


def test_a_value_with_a_secrets_name_is_hidden(to_stdout):
    get_logger("tests.logs").info("x", api_key="canary-1", client_token="canary-2", body="canary-3")
    line = to_stdout()
    assert "canary" not in json.dumps(line)
    assert line["api_key"] == "[hidden]"


def test_a_mail_address_is_hidden_wherever_it_stands(to_stdout):
    get_logger("tests.logs").warning("told ada@example.com", to="Ada <ada@example.com>")
    line = to_stdout()
    assert "ada@example.com" not in json.dumps(line)
    assert line["event"] == "told [mail]"


def test_a_mail_address_inside_a_traceback_is_hidden(to_stdout):
    try:
        raise ValueError("no such shopper: ada@example.com")
    except ValueError:
        get_logger("tests.logs").exception("failed")
    assert "ada@example.com" not in json.dumps(to_stdout())


def test_a_text_as_long_as_a_body_is_cut(to_stdout):
    get_logger("tests.logs").info("x", answer="a" * 50_000)
    assert len(str(to_stdout()["answer"])) == 2000


def test_lines_of_other_libraries_pass_the_same_filter(to_stdout):
    logging.getLogger("tests.logs").warning("could not reach %s", "ada@example.com")
    assert "ada@example.com" not in json.dumps(to_stdout())
