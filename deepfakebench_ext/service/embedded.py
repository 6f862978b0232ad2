"""The one worker of a service that has no other: a process beside the server, begun again where it ends.

`python -m deepfakebench_ext.service.embedded` is that process. It takes the settings from its first line, and ends when
the line is closed: a server that is killed leaves no worker behind.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from deepfakebench_ext.common.errors import ConfigError, ExtError, WeightsError
from deepfakebench_ext.service.settings import ServiceSettings
from deepfakebench_ext.service.working import work

logger = logging.getLogger(__name__)

_AGAIN_S = 2.0
_END_S = 20.0
_UNUSABLE = 3
"""Exit code of a worker whose detectors cannot be loaded."""


class EmbeddedWorker(threading.Thread):
    """Keeps a worker running until it is to stop."""

    def __init__(self, settings: ServiceSettings, unusable: Callable[[], None]) -> None:
        """Start the first one.

        Args:
            settings: The service's.
            unusable: Called where the first one cannot load its detectors.
        """
        super().__init__(daemon=True, name="embedded worker")
        self._settings, self._unusable, self._ending = settings, unusable, threading.Event()
        self._process = self._begun()

    def run(self) -> None:
        """Begin again whenever it ends."""
        code = self._process.wait()
        if code == _UNUSABLE:
            self._ending.set()
            self._unusable()
        while not self._ending.is_set():
            code = self._process.wait()
            if not self._ending.wait(_AGAIN_S):
                logger.warning("the worker ended (%d), and is begun again", code)
                self._process = self._begun()

    def end(self) -> None:
        """Let it finish its job or hand it back, for at most 20 s."""
        self._ending.set()
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _begun(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "deepfakebench_ext.service.embedded"], stdin=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        process.stdin.write(self._settings.model_dump_json() + "\n")
        process.stdin.flush()
        return process


def main() -> None:
    """Work until the server ends, or says so."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    settings = ServiceSettings.model_validate_json(sys.stdin.readline())
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this one in its own time
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
    try:
        work(settings, stop)
    except ExtError as error:
        logger.error("%s", error)  # noqa: TRY400 - a sentence for people
        sys.exit(_UNUSABLE if isinstance(error, ConfigError | WeightsError) else error.exit_code)


def _until_closed(stop: threading.Event) -> None:
    while sys.stdin.readline():
        continue
    stop.set()


if __name__ == "__main__":
    main()
