"""What we ship or test with but did not write is exactly what VENDOR.txt says."""

import hashlib
import re
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


def test_every_font_of_the_papers_is_the_one_that_its_list_names():
    folder = PROJECT / "orders/fonts"
    blocks = (folder / "VENDOR.txt").read_text().split("\n\n")
    assert all("licence: " in block and "version: " in block for block in blocks)
    sums = dict(re.findall(r"^([0-9a-f]{64})  (.+)$", "\n".join(blocks), re.MULTILINE))
    shipped = [path for path in folder.iterdir() if path.name != "VENDOR.txt"]
    found = {hashlib.sha256(path.read_bytes()).hexdigest(): path.name for path in shipped}
    assert found == sums
