"""The scenarios: small enough for every build, together covering what the protocol promises."""

from dataclasses import replace

from orders.models.order import OrderState
from payments.models.payment import Role, State
from payments.outcomes import Kind
from tests.model.bank import Bank
from tests.model.scene import Scene
from tests.model.world import OWED, Attempt, Method, Order, Taking, World

QR = Method("qr", closable=True, remembers=True)
CARD = Method("card", closable=True, charges=True)
REDIRECT = Method("redirect", closable=False)
CONSENT = Method("consent", closable=True, waits=True)

SETTLED = Taking(OWED, State.CAPTURED)
OPEN = Attempt(State.OPEN, Role.LIVE, send_count=1, shown=True, polled=True, bank="open")

PAID = World(
    order=Order(OrderState.PAID, stock="sold"),
    attempts=(
        OPEN._replace(
            state=State.CAPTURED, role=Role.SETTLING, polled=False, bank="paid", takings=(SETTLED,)
        ),
    ),
)
#: The bank has taken the money, and nobody here knows it yet.
JUST_PAID = World(
    order=Order(OrderState.PAYING),
    attempts=(OPEN._replace(bank="paid", takings=(Taking(OWED),)),),
)
#: A redirect was left for a QR code, and neither is dead.
LEFT = World(
    order=Order(OrderState.PAYING),
    attempts=(OPEN._replace(state=State.SUPERSEDED, role=Role.NONE), OPEN, Attempt()),
)

ALL = (
    Scene("one", "a card whose create may take the money at once, sent up to twice",
          Bank((CARD,), refuses=True, turns_away=True),
          sends=2, asks=2, one_capture=True, floor=2_000),
    Scene("switch", "a QR code, then a card instead: both can be closed for certain",
          Bank((QR, CARD)),
          switches=True, one_capture=True, floor=9_000),
    Scene("left", "a redirect that cannot be closed, left for a QR code; the shopper comes back",
          Bank((REDIRECT, QR)),
          switches=True, insists=True, returns=True, floor=30_000),
    Scene("same", "from a QR code back to a redirect that was left and is not dead",
          Bank((REDIRECT, QR, REDIRECT), refuses=True),
          switches=True, begins=LEFT, floor=15_000),
    Scene("consent", "a wallet that only agrees and whose money we capture; cancel or expiry",
          Bank((CONSENT,), refuses=True),
          cancels=True, floor=25_000),
    Scene("amounts", "right and wrong amounts, on two attempts",
          Bank((QR, CARD), amounts=(1, OWED)),
          floor=20_000),
    Scene("twins", "a bank that forgets its keys: two transactions under one reference",
          Bank((QR,), amounts=(1, OWED), keyless=True),
          sends=2, asks=2, statement=True, floor=15_000),
    Scene("cancel", "cancel or expiry against starts, answers and facts that come late",
          Bank((REDIRECT, QR)),
          cancels=True, deaf=1, floor=60_000),
    Scene("late", "a bank that breaks its word: paid after it was declined, closed or cancelled",
          Bank((CARD,), refuses=True, breaks_word=True),
          cancels=True, tells=True, refunds=("failed",), floor=20_000),
    Scene("late-wrong", "the same with a wrong amount",
          Bank((CARD,), amounts=(1,), refuses=True, breaks_word=True),
          tells=True, asks=2, floor=2_000),
    Scene("staff", "two of the staff mean the same partial refund",
          Bank((QR,)),
          staff=(1, 1), refunds=("working", "failed"), begins=PAID, floor=4_000),
    Scene("over", "two of the staff, who together want more than was captured",
          Bank((QR,)),
          staff=(1, OWED), refunds=("working", "failed"), begins=PAID, floor=800),
    Scene("facts", "a purchase and its refund, whose facts come late and out of order",
          Bank((QR,)),
          staff=(OWED,), deaf=2, floor=600),
    Scene("fails-late", "a refund that was done fails after all",
          Bank((QR,)),
          staff=(OWED,), deaf=2, refunds=("working", "failed", "late"), begins=PAID, floor=200),
    Scene("failover", "the last commit is lost, at any moment, over two attempts",
          Bank((QR, CARD)),
          losses=1, floor=4_000),
    Scene("failover-refund", "up to three commits are lost between a capture and its refund",
          Bank((QR,)),
          staff=(OWED,), losses=3, begins=JUST_PAID, floor=70),
)  # fmt: skip
SCENES = {scene.name: scene for scene in ALL}

#: What the nightly run has instead.
WIDER = (
    replace(SCENES["one"], sends=3, asks=3),
    replace(SCENES["switch"], sends=2),
    replace(SCENES["left"], deaf=1),
    replace(SCENES["consent"], bank=Bank((CONSENT, QR)), cancels=False, switches=True),
    replace(SCENES["amounts"], switches=True),
    replace(SCENES["cancel"], deaf=2),
    replace(SCENES["staff"], deaf=2, refunds=("working", "failed", "late")),
    replace(SCENES["over"], staff=(1, OWED, 1)),
    replace(SCENES["facts"], bank=Bank((QR, CARD)), deaf=2),
    replace(SCENES["failover"], losses=3),
    replace(SCENES["failover-refund"], losses=5, bank=Bank((QR, CARD)), begins=None),
)
LARGE = SCENES | {scene.name: scene for scene in WIDER}

#: Cells of the product's table that no scenario reaches, with the reason.
UNREACHED: dict[tuple[str, str, str], str] = {
    (State.SURPLUS, Role.NONE, Kind.AUTHORIZED): "two methods, one by consent: the nightly form",
}
