"""What our code may never do, each as a rule over its syntax tree, with a bad and a good example.

Rules of money and of security that a reader could overlook. They are ours and run with pytest; why
not Semgrep is decision 9. Each `find` yields the nodes that break its rule.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Find = Callable[[ast.AST], Iterator[ast.AST]]
#: Whose calls leave the process: adapters, HTTP clients, mail, sockets.
OUTSIDE = re.compile(
    r"(gateway|adapter|wire|httpx|requests|urlopen|smtplib|socket|http)\b|.*(\.send_mail|_wire\.send"
    r"|gateway\([^)]*\)\.)"
)
SIGNATURE = re.compile(r"signature|digest|hmac|token|secret|password|api_key", re.IGNORECASE)
MONEY = re.compile(r"amount|price|total|tax|fee|minor|refunded|captured", re.IGNORECASE)
BODY = re.compile(r"\b(body|content|payload|POST|headers|COOKIES|data)\b")
#: `signature_age is None`, a header's *name*, a length: compared, but no secret themselves.
NO_SECRET = re.compile(r"(len|type|name|kind|count|age|status|state)\b|_(name|kind|age|state|at)$")


@dataclass(frozen=True)
class Rule:
    """`why` is told when it fires; `except_in` names the files that may, with the reason."""

    why: str
    find: Find
    bad: str
    good: str
    except_in: tuple[str, ...] = ()


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    return ast.unparse(call.func)


def last(call: ast.Call) -> str:
    return name_of(call).rpartition(".")[2]


def told(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword."""
    return next((k.value for k in call.keywords if k.arg == name), None)


def is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def calls_outside_in_atomic(tree: ast.AST) -> Iterator[ast.AST]:
    for block in ast.walk(tree):
        opened: list[ast.expr] = []
        if isinstance(block, ast.With):
            opened = [item.context_expr for item in block.items]
        elif isinstance(block, ast.FunctionDef):
            opened = block.decorator_list
        if any("atomic" in ast.unparse(expression) for expression in opened):
            yield from (c for c in calls(block) if OUTSIDE.match(name_of(c)))


def csrf_exemptions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and "csrf_exempt" in ast.unparse(node):
            yield node


def secrets_compared_by_equality(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [node.left, *node.comparators]
            fixed = any(isinstance(side, ast.Constant) for side in sides)
            if not fixed and any(is_secret(side) for side in sides):
                yield node


def is_secret(side: ast.expr) -> bool:
    spelled = side.attr if isinstance(side, ast.Attribute) else ast.unparse(side)
    return bool(SIGNATURE.search(spelled)) and not NO_SECRET.search(spelled)


def floats_near_money(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if is_float(node) and MONEY.search(ast.unparse(node)):
            yield node


def is_float(node: ast.AST) -> bool:
    """A call that makes one, a sum with one, or something declared as one."""
    if isinstance(node, ast.Call):
        return last(node) in {"float", "FloatField"}
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
        return any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in sides)
    declared = node.annotation if isinstance(node, ast.AnnAssign | ast.arg) else None
    return declared is not None and "float" in ast.unparse(declared)


def divisions_of_money(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            spelled = ast.unparse(node)
            if re.search(r"_minor\b|amount\b", spelled) and "Decimal(" not in spelled:
                yield node


def states_by_update(tree: ast.AST) -> Iterator[ast.AST]:
    for call in calls(tree):
        named = told(call, "state") is not None or "'state'" in ast.unparse(call)
        if named and last(call) in {"update", "bulk_update", "update_or_create"}:
            yield call


def bodies_in_logs(tree: ast.AST) -> Iterator[ast.AST]:
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    for call in calls(tree):
        if last(call) in levels and name_of(call).startswith(("log.", "logger.", "logging.")):
            given = [*call.args[1:], *(k.value for k in call.keywords)]
            if any(BODY.search(ast.unparse(value)) for value in given):
                yield call


def unescaped_html(tree: ast.AST) -> Iterator[ast.AST]:
    for call in calls(tree):
        fixed = call.args and isinstance(call.args[0], ast.Constant)
        if last(call) in {"mark_safe", "SafeString", "format_html"} and not fixed:
            yield call


def shells(tree: ast.AST) -> Iterator[ast.AST]:
    for call in calls(tree):
        if is_true(told(call, "shell")) or name_of(call) in {"os.system", "os.popen"}:
            yield call


def dangerous_readers(tree: ast.AST) -> Iterator[ast.AST]:
    modules = {"pickle", "marshal", "shelve", "dill", "xml", "lxml", "defusedxml"}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and name_of(node) in {"eval", "exec", "yaml.load"}:
            yield node
        if {name.partition(".")[0] for name in names} & modules:
            yield node


def trusting_clients(tree: ast.AST) -> Iterator[ast.AST]:
    for call in calls(tree):
        if is_true(told(call, "follow_redirects")):
            yield call
        verify = told(call, "verify")
        if isinstance(verify, ast.Constant) and verify.value is False:
            yield call
        bounded = told(call, "timeout") is not None and told(call, "trust_env") is not None
        if name_of(call) in {"httpx.Client", "httpx.AsyncClient"} and not bounded:
            yield call
        if name_of(call) in {f"httpx.{verb}" for verb in ("get", "post", "put", "delete")}:
            yield call
        if name_of(call) == "ssl._create_unverified_context":
            yield call


def raw_sql_from_text(tree: ast.AST) -> Iterator[ast.AST]:
    for call in calls(tree):
        if last(call) in {"execute", "raw", "extra", "RawSQL"} and call.args:
            text = call.args[0]
            built = isinstance(text, ast.JoinedStr) or (
                isinstance(text, ast.BinOp) and isinstance(text.op, ast.Mod | ast.Add)
            )
            if built or (isinstance(text, ast.Call) and last(text) == "format"):
                yield call


RULES = {
    "no call outside while a transaction is open": Rule(
        "a lock held over a call stops the shop, and a rollback forgets that it was made",
        calls_outside_in_atomic,
        bad="with transaction.atomic():\n    gateway.create(request)",
        good="with transaction.atomic():\n    row.save()\ngateway.create(request)",
    ),
    "no csrf_exempt but for webhooks and returns": Rule(
        "any other site could press this button",
        csrf_exemptions,
        bad="@csrf_exempt\ndef pay(request): ...",
        good="@require_POST\ndef pay(request): ...",
        # Signed by the gateway instead; and the way back from a bank's page, which changes nothing.
        except_in=("payments/webhooks.py", "orders/pages/returning.py"),
    ),
    "no == on signatures and secrets": Rule(
        "the time of the answer tells how much fits: hmac.compare_digest",
        secrets_compared_by_equality,
        bad="if header.signature == expected_digest: ...",
        good="if hmac.compare_digest(signature, expected): ...",
        # The demo gives its users one password: two hashes of ours are compared, no guess.
        except_in=("orders/management/commands/seed.py",),
    ),
    "no float near money": Rule(
        "a float cannot hold a cent: integers in minor units",
        floats_near_money,
        bad="fee = amount_minor * 0.029",
        good="fee = amount_minor * 29 // 1000",
    ),
    "no / on money": Rule(
        "the quotient is a float: // or divmod, and say where the rest goes",
        divisions_of_money,
        bad="share = total_amount / 3",
        good="share, rest = divmod(total_amount, 3)",
    ),
    "no state by update": Rule(
        "only a transition under the lock decides a state, with its line of history",
        states_by_update,
        bad="Payment.objects.filter(pk=1).update(state='captured')",
        good="payment.mark_captured()",
    ),
    "no body in a log": Rule(
        "bodies and headers hold people and secrets: log ids",
        bodies_in_logs,
        bad="log.info('webhook.received', body=request.body)",
        good="log.info('webhook.received', notification=note.pk)",
    ),
    "no mark_safe on what came in": Rule(
        "somebody else's script in our page",
        unescaped_html,
        bad="mark_safe(order.note)",
        good="format_html('<b>{}</b>', order.note)",
        # Two QR codes that we draw ourselves.
        except_in=(
            "shop/two_factor.py",
            "orders/templatetags/shopper.py",
        ),
    ),
    "no shell": Rule(
        "a name with a semicolon becomes a command: a list of arguments",
        shells,
        bad="subprocess.run(f'tar {name}', shell=True)",
        good="subprocess.run(['tar', name])",
    ),
    "nothing reads what can run or swell": Rule(
        "pickle runs code, XML fetches and swells, eval is both: strict JSON",
        dangerous_readers,
        bad="import xml.etree.ElementTree",
        good="import json",
    ),
    "no client that trusts": Rule(
        "every client verifies, follows no redirect, has a limit and no proxy of the environment",
        trusting_clients,
        bad="httpx.Client(base_url=url)",
        good="httpx.Client(base_url=url, timeout=limit, trust_env=False)",
    ),
    "no SQL out of pieces": Rule(
        "a value inside the text is a command: parameters",
        raw_sql_from_text,
        bad="cursor.execute(f'SELECT 1 WHERE name = {name}')",
        good="cursor.execute('SELECT 1 WHERE name = %s', [name])",
        # Pieces of our own: a table's name, a column, a constant. Values are parameters.
        except_in=(
            "orders/post/sending.py",
            "orders/stock.py",
            "payments/polling.py",
            "shop/database/limits.py",
            "shop/figures.py",
            "shop/hot.py",
            "shop/outbox.py",
        ),
    ),
}
