"""Placeholder filled below."""


def prepare() -> None:
    """Nothing yet."""
