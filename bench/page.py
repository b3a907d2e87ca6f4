"""The results as a table for the terminal, as a page, and as a picture."""

from __future__ import annotations

import re
from typing import Any

from bench.goals import TITLES, verdicts
from bench.operations import OPERATIONS

BEGIN, END = "<!-- figures: rendered from bench/results.json -->", "<!-- end of figures -->"
BAR, GAP, LEFT, WIDTH = 14, 26, 190, 760


def table(results: dict[str, Any]) -> str:
    """The goals, reached or not, for the terminal."""
    lines = [f"{'':<68} {'ratio':>7} {'goal':>7}"]
    for verdict in verdicts(results):
        word = "reached" if verdict.reached else "NOT reached"
        lines.append(f"{verdict.what:<68} {verdict.ratio:7.3f} {verdict.goal_text:>7}  {word}")
    return "\n".join(lines)


def figures(results: dict[str, Any]) -> str:
    """Everything of a run in Markdown."""
    small = min(results["sizes"], key=int)
    lines = [
        f"Run of {results['date']} at commit `{results['commit']}`, seed {results['seed']}, on "
        f"{results['machine']} (load {results['load']}, of which about 2 are this run's own); "
        f"{results['rounds']} rounds, {results['seconds']:.0f} s.",
        "",
        "| ratio | measured | goal | |",
        "| --- | --- | --- | --- |",
    ]
    for verdict in verdicts(results):
        word = "reached" if verdict.reached else "**not reached**"
        lines.append(f"| {verdict.what} | {verdict.ratio:.3f} | {verdict.goal_text} | {word} |")
    lines += ["", *_rates(results), "", *_statements(results, small)]
    return "\n".join(lines)


def _rates(results: dict[str, Any]) -> list[str]:
    lines = [
        "| each second, at 8 connections | orders | limit | floor | shop | shop's p50, p99 ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for operation in OPERATIONS:
        for size in sorted(results["sizes"], key=int):
            of = results["sizes"][size]["figures"].get(operation.name)
            if of is None:
                continue
            floor = f"{of['floor']['per_second']:.0f}" if "floor" in of else "–"
            lines.append(
                f"| {operation.title} | {int(size):,} | {of['limit']['per_second']:.0f} | {floor} "
                f"| {of['shop']['per_second']:.0f} | {of['shop']['p50']:.1f}, "
                f"{of['shop']['p99']:.1f} |"
            )
    lines += ["", "| beside requests | orders | limit | shop |", "| --- | --- | --- | --- |"]
    units = {"sweep": "a second", "relay": "a second", "push": "ms"}
    for name, unit in units.items():
        for size in sorted(results["sizes"], key=int):
            of = results["sizes"][size]["figures"].get(name)
            if of is not None:
                limit = f"{of['limit']['figure']:.0f} {unit}" if "limit" in of else "–"
                shop = f"{of['shop']['figure']:.0f} {unit}"
                lines.append(f"| {TITLES[name]} | {int(size):,} | {limit} | {shop} |")
    return lines


def _statements(results: dict[str, Any], size: str) -> list[str]:
    counts = results["sizes"][size]["counts"]
    lines = [
        "| one request: queries / round trips / write commits | floor | shop |",
        "| --- | --- | --- |",
    ]
    for operation in (o for o in OPERATIONS if o.name in counts["shop"]):
        cells = [
            "{queries} / {round_trips} / {write_commits}".format(**counts[who][operation.name])
            if operation.name in counts[who]
            else "–"
            for who in ("floor", "shop")
        ]
        lines.append(f"| {operation.title} | {' | '.join(cells)} |")
    return lines


def rendered(page: str, results: dict[str, Any]) -> str:
    """The page with its figures drawn anew; what people wrote around them stays."""
    block = f"{BEGIN}\n\n{figures(results)}\n\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, page, flags=re.DOTALL)


def picture(results: dict[str, Any]) -> str:
    """Shop and floor as parts of the limit, each with its goal, as SVG."""
    figures = results["sizes"][min(results["sizes"], key=int)]["figures"]
    shown = [o for o in OPERATIONS if o.of_limit and o.name in figures]
    ratios = {
        o.name: {
            who: figures[o.name][who]["per_second"] / figures[o.name]["limit"]["per_second"]
            for who in ("floor", "shop")
        }
        for o in shown
    }
    most = max([0.4, *(ratio for each in ratios.values() for ratio in each.values())])
    scale = (WIDTH - LEFT - 70) / most
    parts, y = [], 44
    for operation in shown:
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 18}" text-anchor="end">{operation.title}</text>'
        )
        for who, colour in (("floor", "#9aa7b4"), ("shop", "#0b6e4f")):
            ratio = ratios[operation.name][who]
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{ratio * scale:.1f}" height="{BAR}" '
                f'fill="{colour}"/><text x="{LEFT + ratio * scale + 6:.1f}" y="{y + 11}">'
                f"{ratio:.3f}</text>"
            )
            y += BAR
        goal = LEFT + (operation.of_limit or 0) * scale
        parts.append(
            f'<line x1="{goal:.1f}" y1="{y - 2 * BAR - 4}" x2="{goal:.1f}" y2="{y + 4}" '
            'stroke="#c0392b" stroke-width="2"/>'
        )
        y += GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" '
        'font-family="sans-serif" font-size="12">'
        "<title>Floor and shop as parts of the limit</title>"
        f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="24">parts of what PostgreSQL itself does: '
        "grey the floor, green the shop, red the goal</text>"
    )
    return "\n".join([head, *parts, "</svg>", ""])
