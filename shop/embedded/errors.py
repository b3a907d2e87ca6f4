"""What can stop the embedded servers from starting, in words for the person at the keyboard."""


class EmbeddedError(Exception):
    """The servers cannot run here; the message says why and what to do about it."""


#: Fragments of the servers' own last words, and what they mean. The first that fits is told.
KNOWN_ENDINGS = (
    (
        "no space left on device",
        "The disk is full: free some space in {folder} and start again.",
    ),
    (
        "could not look up effective user id",
        "This user id has no name in /etc/passwd, which PostgreSQL needs. "
        "Give it one, or set DATABASE_URL to a server of your own.",
    ),
    (
        "can't handle rdb format version",
        "{folder} was written by a newer Valkey. It holds only caches and wake-up calls: "
        "delete it and start again.",
    ),
    (
        "database files are incompatible with server",
        "{folder} was made by another PostgreSQL. Run it with that version, "
        "or move the folder away to begin with empty data.",
    ),
    (
        "permission denied",
        "The servers may not read or write something they need near {folder}. "
        "Set DATABASE_URL and REDIS_URL to servers of your own, or mend the rights.",
    ),
)


def explain(log_tail: str, folder: object) -> str:
    """The cause of an early end as one clear sentence, else the end of the log as it is."""
    lowered = log_tail.lower()
    for fragment, meaning in KNOWN_ENDINGS:
        if fragment in lowered:
            return meaning.format(folder=folder)
    return f"Its last words:\n{log_tail.strip() or '(it said nothing)'}"
