"""What we ship or test with but did not write is exactly what VENDOR.txt says."""

import hashlib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LISTS = [PROJECT / "static/vendor/VENDOR.txt", PROJECT / "tests/browser/vendor/VENDOR.txt"]


def entries(listed: Path) -> list[dict[str, str]]:
    blocks = listed.read_text().split("\n\n")[1:]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


@pytest.mark.parametrize("listed", LISTS, ids=["shipped", "for tests"])
def test_every_file_has_its_source_licence_and_sum(listed: Path):
    known = {entry["path"]: entry for entry in entries(listed)}
    shipped = [path for path in listed.parent.rglob("*") if path.suffix in (".woff2", ".js")]
    assert {str(path.relative_to(listed.parent)) for path in shipped} == set(known)
    for path in shipped:
        entry = known[str(path.relative_to(listed.parent))]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        assert entry["source"]
        assert entry["version"]
        assert entry["licence"]
