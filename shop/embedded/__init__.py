"""PostgreSQL and Valkey for a machine that has neither: for the demo and the tests, never more.

Only the standard library, so that it runs before anything else is set up:

    with embedded.servers(Path(".data")) as running:
        subprocess.run(command, env={**os.environ, "DATABASE_URL": running.database_url, ...})

or, from a shell, `python -m shop.embedded run -- COMMAND`.
"""

from shop.embedded.errors import EmbeddedError
from shop.embedded.servers import Servers, servers, start

__all__ = ["EmbeddedError", "Servers", "servers", "start"]
