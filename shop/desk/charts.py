"""Charts as plain figures for an SVG template: the server draws, no script and no style."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from shop.desk.numbers import Tally

WIDTH = 640
HEIGHT = 200
#: Room for the numbers on the left and the days below.
LEFT, BELOW, ABOVE = 40, 24, 14
ROW = 34
LABEL = 170


@dataclass(frozen=True)
class Bar:
    """A bar and the filled part of it, in the drawing's own units."""

    label: str
    told: str  # what it says, in words
    x: float
    y: float
    width: float
    height: float
    part_y: float
    part_width: float
    part_height: float

    @property
    def middle_x(self) -> float:
        """Where its label is centred."""
        return round(self.x + self.width / 2, 1)

    @property
    def middle_y(self) -> float:
        """Where the baseline of its words is."""
        return round(self.y + self.height / 2 + 4, 1)

    @property
    def end_x(self) -> float:
        """Where words beside it begin."""
        return round(self.x + self.width + 8, 1)


@dataclass(frozen=True)
class Chart:
    """The bars, the drawing's size and the highest figure on its scale."""

    bars: list[Bar]
    width: int
    height: int
    top: int
    base_y: int = HEIGHT - BELOW
    top_y: int = ABOVE
    left_x: int = LEFT


def by_day(days: Mapping[date, Tally]) -> Chart:
    """One upright bar a day: started, and the filled part that was paid."""
    top = max([1, *(tally.started for tally in days.values())])
    room = HEIGHT - BELOW - ABOVE
    step = (WIDTH - LEFT) / len(days)
    bars = []
    for number, (day, tally) in enumerate(days.items()):
        height, part = (room * count / top for count in (tally.started, tally.paid))
        bars.append(
            Bar(
                # Every seventh day is named: more would not fit.
                label=f"{day:%d %b}" if (len(days) - 1 - number) % 7 == 0 else "",
                told=f"{day}: {tally.started} started, {tally.paid} paid",
                x=round(LEFT + number * step + 2, 1),
                y=round(HEIGHT - BELOW - height, 1),
                width=round(step - 4, 1),
                height=round(height, 1),
                part_y=round(HEIGHT - BELOW - part, 1),
                part_width=round(step - 4, 1),
                part_height=round(part, 1),
            )
        )
    # The last day's name is wider than its bar.
    return Chart(bars, WIDTH + BELOW, HEIGHT, top)


def by_name(groups: Mapping[str, Tally]) -> Chart:
    """One lying bar for each group: the filled part is its success rate."""
    long = WIDTH - LABEL - 60
    bars = [
        Bar(
            label=name,
            told=tally.percent,
            x=LABEL,
            y=number * ROW + 6,
            width=long,
            height=ROW - 12,
            part_y=number * ROW + 6,
            part_width=round(long * (tally.rate or 0), 1),
            part_height=ROW - 12,
        )
        for number, (name, tally) in enumerate(groups.items())
    ]
    return Chart(bars, WIDTH, max(ROW, ROW * len(bars)), 100)
