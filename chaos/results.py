"""The result file: one entry a kind of run, written by the runs and read by docs/proof.md."""

import json
from pathlib import Path
from typing import Any

from chaos.house import PROJECT

RESULTS = PROJECT / "proof" / "chaos-results.json"


def read(path: Path = RESULTS) -> dict[str, Any]:
    """Every kept run by its name; empty when nothing was kept yet."""
    if not path.exists():
        return {}
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def keep(name: str, figures: dict[str, Any], path: Path = RESULTS) -> None:
    """Put a run's figures in the place of the last one of its name."""
    path.parent.mkdir(exist_ok=True)
    kept = read(path) | {name: figures}
    path.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n", encoding="utf-8")


def name_of(figures: dict[str, Any]) -> str:
    """How a run is called: by its size and by what was different about it."""
    parts = [f"{figures['orders']} orders"]
    if not figures["faults"]:
        parts.append("nothing breaks")
    elif figures["layer_off"]:
        parts.append(f"without the {figures['layer_off']}")
    elif figures["failover"] != "none":
        parts.append(f"{figures['failover']} failover")
    return ", ".join(parts)
