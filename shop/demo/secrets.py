"""The demo's secrets: made once, kept in its data folder, never in the repository."""

import json
import os
import secrets
from pathlib import Path

STAFF_USER = "staff"


def load(home: Path) -> dict[str, str]:
    """The environment variables with this data folder's secrets, made at the first start."""
    path = home / "secrets.json"
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(_made(), file, indent=2)
        draft.rename(path)
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded


def _made() -> dict[str, str]:
    webhook = secrets.token_urlsafe(32)
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "SANDBOX_API_KEY": secrets.token_urlsafe(32),
        "SANDBOX_SIGNING_SECRET": secrets.token_urlsafe(32),
        "SANDBOX_WEBHOOK_SECRET": webhook,
        # The shop accepts a list, so that a secret can be changed without a gap.
        "SANDBOX_WEBHOOK_SECRETS": webhook,
        # Signs notifications to browsers: any 32 bytes are a key.
        "VAPID_PRIVATE_KEY": secrets.token_urlsafe(32),
        "STAFF_PASSWORD": secrets.token_hex(8),
        "STAFF_TOKEN": secrets.token_hex(20),
    }
