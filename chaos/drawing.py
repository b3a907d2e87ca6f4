"""Charts as plain SVG text: the server draws, no script and no foreign style."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, ABOVE, BELOW = 52, 12, 12, 26
#: Told apart by people who see no red, and named in the legend besides.
COLOURS = ("#0b6e8f", "#e08e1b", "#5a9e4b", "#8a6bbf", "#9aa3ab", "#c2503e")

Series = Mapping[str, Sequence[tuple[float, float]]]


def lines(
    title: str, series: Series, *, unit: str = "", marks: Sequence[tuple[float, str]] = ()
) -> str:
    """Several lines over the seconds of a run; `marks` are moments with a name."""
    points = [point for line in series.values() for point in line]
    if not points:
        return _sheet(title, "", {})
    last = max(x for x, _ in points) or 1
    top = max(y for _, y in points) or 1
    drawn = [_grid(last, top, unit)]
    for number, (name, line) in enumerate(series.items()):
        path = " ".join(f"{_x(x, last):.1f},{_y(y, top):.1f}" for x, y in line)
        colour = COLOURS[number % len(COLOURS)]
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2">'
                     f"<title>{escape(name)}</title></polyline>")  # fmt: skip
    for at, name in marks:
        x = _x(min(max(at, 0), last), last)
        drawn.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ABOVE}" y2="{HEIGHT - BELOW}" '
            f'stroke="#444" stroke-dasharray="3 3"><title>{escape(name)}</title></line>'
        )
    legend = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(series)}
    return _sheet(title, "".join(drawn), legend)


def bars(title: str, counts: Mapping[str, int]) -> str:
    """Upright bars, each with its name below and its count above."""
    top = max([1, *counts.values()])
    step = (WIDTH - LEFT - RIGHT) / max(1, len(counts))
    drawn = []
    for number, (name, count) in enumerate(counts.items()):
        x, y = LEFT + number * step, _y(count, top)
        drawn.append(
            f'<rect x="{x + 2:.1f}" y="{y:.1f}" width="{step - 4:.1f}" '
            f'height="{HEIGHT - BELOW - y:.1f}" fill="{COLOURS[0]}">'
            f"<title>{escape(name)}: {count}</title></rect>"
            f'<text x="{x + step / 2:.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
            f"{escape(name)}</text>"
            f'<text x="{x + step / 2:.1f}" y="{y - 3:.1f}" text-anchor="middle">{count}</text>'
        )
    return _sheet(title, "".join(drawn), {})


def _sheet(title: str, drawn: str, legend: Mapping[str, str]) -> str:
    words = "".join(
        f'<tspan fill="{colour}" font-weight="bold">■</tspan><tspan> {escape(name)}   </tspan>'
        for name, colour in legend.items()
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT + 18}" '
        f'role="img" aria-label="{escape(title)}">{drawn}'
        f'<text x="{LEFT}" y="{HEIGHT + 14}">{words}</text></svg></figure>'
    )


def _grid(last: float, top: float, unit: str) -> str:
    drawn = []
    for part in range(5):
        y, value = _y(top * part / 4, top), top * part / 4
        drawn.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d8dde1"/>'
            f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}{unit}</text>'
            f'<text x="{_x(last * part / 4, last):.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
            f"{last * part / 4:.0f} s</text>"
        )
    return "".join(drawn)


def _x(value: float, last: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / last


def _y(value: float, top: float) -> float:
    return HEIGHT - BELOW - (HEIGHT - BELOW - ABOVE) * value / top
