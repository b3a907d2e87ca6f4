"""What each part of a drill cost in seconds of a core, by the system's own count."""

import os
from collections import defaultdict
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(parts: dict[str, int]) -> dict[str, float]:
    """For each named process: its own time, its dead children's and its living descendants'."""
    times: dict[int, float] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in brackets may hold anything; what follows it is plain.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(folder.name)
        times[pid] = sum(int(ticks) for ticks in fields[11:15]) / TICKS
        children[int(fields[1])].append(pid)

    def total(pid: int) -> float:
        return times.get(pid, 0.0) + sum(total(child) for child in children[pid])

    return {name: round(total(pid), 1) for name, pid in parts.items()}
