"""The scenarios: small enough for every build, together covering what the protocol promises."""

from payments.models.payment import Role, State
from orders.models.order import OrderState
from tests.model.bank import Bank
from tests.model.scene import Scene
from tests.model.world import OWED, Attempt, Method, Order, Taking, World

QR = Method("qr", closable=True, remembers=True)
CARD = Method("card", closable=True, charges=True)
REDIRECT = Method("redirect", closable=False)

PAID = World(
    order=Order(OrderState.PAID, stock="sold"),
    attempts=(
        Attempt(
            State.CAPTURED, Role.SETTLING, 1, True, bank="paid", takings=(Taking(OWED, State.CAPTURED),)
        ),
    ),
)

#: The bank has taken the money, and nobody here knows it yet.
JUST_PAID = World(
    order=Order(OrderState.PAYING),
    attempts=(
        Attempt(
            State.OPEN, Role.LIVE, 1, True, polled=True, bank="paid", takings=(Taking(OWED),)
        ),
    ),
)

#: A redirect was left for a QR code, and neither is dead.
LEFT = World(
    order=Order(OrderState.PAYING),
    attempts=(
        Attempt(State.SUPERSEDED, Role.NONE, 1, True, polled=True, bank="open"),
        Attempt(State.OPEN, Role.LIVE, 1, True, polled=True, bank="open"),
        Attempt(),
    ),
)

SCENES = {
    scene.name: scene
    for scene in (
        Scene("one", "one card, sent up to twice", Bank((CARD,), refuses=True),
              sends=2, asks=2, one_capture=True),
        Scene("switch", "a QR code, then a card instead", Bank((QR, CARD)),
              switches=True, one_capture=True),
        Scene("left", "a redirect that cannot be closed, left for a QR code",
              Bank((REDIRECT, QR)), switches=True, insists=True, returns=True),
        Scene("same", "there and back again", Bank((REDIRECT, QR, REDIRECT), refuses=True), switches=True,
              begins=LEFT),
        Scene("amounts", "right and wrong amounts", Bank((QR, CARD), amounts=(1, OWED))),
        Scene("twins", "a bank that forgets its keys", Bank((QR,), amounts=(1, OWED), keyless=True),
              sends=2, asks=2, statement=True),
        Scene("cancel", "cancel and expiry", Bank((REDIRECT, QR)), cancels=True, deaf=1),
        Scene("late", "a bank that breaks its word", Bank((CARD,), amounts=(1, OWED), refuses=True,
              breaks_word=True), cancels=True, tells=True, refunds=("failed",)),
        Scene("staff", "two staff mean the same", Bank((QR,)), staff=(1, 1),
              refunds=("working", "failed"), begins=PAID),
        Scene("over", "the second wants more", Bank((QR,)), staff=(1, 2),
              refunds=("working", "failed"), begins=PAID),
        Scene("facts", "facts late and out of order", Bank((QR,)), staff=(OWED,), deaf=2),
        Scene("fails-late", "late", Bank((QR,)), staff=(OWED,), deaf=2,
              refunds=("working", "failed", "late"), begins=PAID),
        Scene("failover", "lost commits", Bank((QR, CARD)), losses=1),
        Scene("failover-refund", "lost commits", Bank((QR,)), staff=(OWED,), losses=3, begins=JUST_PAID),
    )
}  # fmt: skip

LARGE = SCENES
UNREACHED: dict = {}
