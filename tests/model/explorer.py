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
    scene: Scene, rules: Rules, progress: Callable[[Exploration], None] | None = None
) -> Exploration:
    """Visit every state that can be reached, until a promise breaks."""
    seen = Exploration(scene, rules)
    first = scene.first()
    came_from: dict[World, World | None] = {first: None}
    queue = deque([first])
    while queue:
        world = queue.popleft()
        resting = True
        for text, after, must in moves(world, scene, rules):
            seen.steps += 1
            resting = resting and not must
            if violation := promises.broken_by_step(world, after):
                seen.violation = violation
                return _ended(seen, came_from, world, text)
            if after in came_from:
                continue
            came_from[after] = world
            queue.append(after)
            if violation := promises.broken_always(after, scene):
                seen.violation = violation
                return _ended(seen, came_from, after)
        if resting:
            seen.rests += 1
            if violation := promises.broken_at_rest(world, scene):
                seen.violation = violation
                return _ended(seen, came_from, world)
        seen.states = len(came_from)
        if progress and not seen.steps % 64:
            progress(seen)
    return _ended(seen, came_from, None)


def _ended(
    seen: Exploration, came_from: dict[World, World | None], last: World | None, *then: str
) -> Exploration:
    """Tell the way to the last world, and the step that broke the promise."""
    seen.states = len(came_from)
    seen.trace = list(then)
    while last is not None and (before := came_from[last]) is not None:
        text = next(t for t, w, _ in moves(before, seen.scene, seen.rules) if w == last)
        seen.trace.insert(0, text)
        last = before
    return seen
