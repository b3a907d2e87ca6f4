"""A Redis of a test's own, to be killed, frozen, emptied and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from shop.embedded.binaries import find_valkey

STARTS_WITHIN_SECONDS = 20.0


class RedisServer:
    """On a socket in a folder of its own; it keeps nothing over a restart."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._socket = self._folder / "redis.sock"
        self._program = str(find_valkey().program)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}?db=0"

    def start(self) -> None:
        """Begin empty, or go on when frozen; returns when it answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        else:
            argv = [self._program, "--port", "0", "--unixsocket", str(self._socket)]
            argv += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
            self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It accepts connections and answers nothing, until `start`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def flush(self) -> None:
        with self._client() as redis:
            redis.flushall()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _client(self) -> Redis:
        return Redis(unix_socket_path=str(self._socket), socket_timeout=1)

    def _answers(self) -> bool:
        try:
            with self._client() as redis:
                return bool(redis.ping())
        except RedisError:
            return False
