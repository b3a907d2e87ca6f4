"""Breadth first through every interleaving: the first violation found has a shortest trace."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.model import bank, closing, failover, orders, promises, refunds, shopper, sweep
from tests.model.rules import Rules
from tests.model.scene import Scene
from tests.model.world import World

Step = tuple[str, World, bool]


@dataclass
class Exploration:
    """What was seen: how much, and the first promise that broke."""

    scene: Scene
    rules: Rules
    states: int = 0
    steps: int = 0
    rests: int = 0
    violation: str = ""
    trace: list[str] = field(default_factory=list)


def moves(world: World, scene: Scene, rules: Rules) -> Iterator[Step]:
    """Everything that can happen next; the flag says that it will, if nothing else does."""
    for text, after, must in _moves(world, scene, rules):
        if after != world:
            kept = failover.remember(world, after, scene) if scene.losses else after
            yield text, kept, must


def _moves(world: World, scene: Scene, rules: Rules) -> Iterator[Step]:
    yield from shopper.steps(world, scene, rules)
    yield from bank.steps(world, scene.bank, rules)
    yield from sweep.steps(world, scene, rules)
    yield from closing.steps(world, scene, rules)
    yield from refunds.steps(world, scene, rules)
    yield from orders.steps(world, rules)
    yield from failover.steps(world, scene, rules)


def explore(
    scene: Scene, rules: Rules, progress: Callable[[Exploration], None] = lambda _: None
) -> Exploration:
    """Visit every state that can be reached, until a promise breaks."""
    seen = Exploration(scene, rules)
    first = scene.first()
    came_from: dict[World, tuple[int, World | None]] = {first: (0, None)}
    queue = deque([first])
    calm: list[int] = []
    pushed: list[tuple[int, int]] = []  # (from, to) of what will happen if nothing else does
    while queue:
        world = queue.popleft()
        here, resting = came_from[world][0], True
        for text, after, must in moves(world, scene, rules):
            seen.steps += 1
            resting = resting and not must
            if after not in came_from:
                came_from[after] = (len(came_from), world)
                queue.append(after)
                violation = promises.broken_always(after, scene)
            else:
                violation = ""
            if violation := violation or promises.broken_by_step(world, after):
                return _ended(seen, came_from, violation, world, text)
            if must:
                pushed.append((here, came_from[after][0]))
        if resting:
            calm.append(here)
            if violation := promises.broken_at_rest(world, scene):
                return _ended(seen, came_from, violation, world)
        seen.states, seen.rests = len(came_from), len(calm)
        progress(seen)
    restless = _restless(len(came_from), calm, pushed)
    if restless is not None:
        world = next(w for w, (number, _) in came_from.items() if number == restless)
        return _ended(seen, came_from, "it never comes to rest", world)
    return seen


def _restless(states: int, calm: list[int], pushed: list[tuple[int, int]]) -> int | None:
    """The first state from which nothing that must happen leads to rest."""
    back: dict[int, list[int]] = {}
    for start, end in pushed:
        back.setdefault(end, []).append(start)
    reaches, todo = bytearray(states), list(calm)
    while todo:
        state = todo.pop()
        if not reaches[state]:
            reaches[state] = 1
            todo += back.get(state, [])
    return next((number for number, can in enumerate(reaches) if not can), None)


def _ended(
    seen: Exploration,
    came_from: dict[World, tuple[int, World | None]],
    violation: str,
    last: World,
    *then: str,
) -> Exploration:
    """Tell the way to the last world, and the step that broke the promise."""
    seen.states, seen.violation, seen.trace = len(came_from), violation, list(then)
    while (before := came_from[last][1]) is not None:
        text = next(t for t, w, _ in moves(before, seen.scene, seen.rules) if w == last)
        seen.trace.insert(0, text)
        last = before
    return seen
