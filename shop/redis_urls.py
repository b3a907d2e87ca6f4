"""One REDIS_URL, three databases beside each other: cache, broker, channel layer."""

from urllib.parse import parse_qs, urlsplit


def redis_url_with_db(url: str, offset: int, *, celery: bool = False) -> str:
    """The same server, `offset` databases further; `celery` spells sockets kombu's way."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        db = int(parse_qs(parts.query).get("db", ["0"])[0]) + offset
        if celery:
            return f"redis+socket://{parts.path}?virtual_host={db}"
        return f"unix://{parts.path}?db={db}"
    db = int(parts.path.strip("/") or 0) + offset
    return f"{parts.scheme}://{parts.netloc}/{db}"
