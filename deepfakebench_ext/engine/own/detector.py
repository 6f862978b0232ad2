"""Which program or API of the user's is meant, and what it is known by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.numbers import check_above
from deepfakebench_ext.models.config import DetectorConfig

TIME_LIMIT_S = 60.0
_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)")
_URL = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OwnDetector:
    """A program of the user's that is given files and gives P(fake).

    Attributes:
        source: As it was asked for: `FILE.py:FUNCTION`, or a URL.
        kind: Which of the two.
        sha256: Of the module's file; None of an API, which its URL alone stands for.
        time_limit_s: For one sample.
    """

    # It is given what any image detector is given of files and datasets.
    settings: ClassVar[DetectorConfig] = DetectorConfig(model_name="huggingface_image")

    source: str
    kind: Literal["function", "api"]
    sha256: str | None
    time_limit_s: float = TIME_LIMIT_S

    @classmethod
    def of(cls, source: str, time_limit_s: float | None = None) -> OwnDetector:
        """Return what a user means; nothing of it is run or asked.

        Raises:
            ConfigError: Neither a function of a file that is there nor a URL, or a limit that is none.
        """
        check_above("--detector_timeout", time_limit_s, 0)
        limit_s = TIME_LIMIT_S if time_limit_s is None else time_limit_s
        if _URL.match(source):
            return cls(_checked_url(source), "api", None, limit_s)
        found = _FUNCTION.fullmatch(source)
        if found is None:
            raise ConfigError(
                f"--detector {source!r} is neither FILE.py:FUNCTION nor a URL, http://127.0.0.1:PORT/PATH; the name of "
                "a config goes to --detector_config, weights to --weights"
            )
        try:
            return cls(source, "function", sha256_of(Path(found["file"])), limit_s)
        except OSError as error:
            raise ConfigError(f"--detector {source}: {found['file']}: {error.strerror or error}") from error

    @property
    def function(self) -> tuple[Path, str]:
        """The file of the module and the name in it, where it is a function."""
        file, _, name = self.source.rpartition(":")
        return Path(file), name

    @property
    def text(self) -> str:
        """Which program is asked, for people."""
        known = f", SHA-256 {self.sha256[:12]}" if self.sha256 else ""
        return f"{self.source}{known}: given the files themselves, {self.time_limit_s:g} s a sample"

    @property
    def name(self) -> str:
        """What its runs are called."""
        if self.kind == "function":
            file, name = self.function
            return f"own-{file.stem}-{name}"
        parts = urlsplit(self.source)
        return f"own-{parts.netloc}{parts.path.rstrip('/')}"


def is_own(text: str) -> bool:
    """Return whether a text means a program or an API of the user's, and not a config."""
    return _URL.match(text) is not None or _FUNCTION.fullmatch(text) is not None


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"--detector {url!r}: {error}; write http://127.0.0.1:PORT/PATH") from error
    if not parts.hostname or port == 0 or not url.isprintable() or " " in url:
        raise ConfigError(f"--detector {url!r} names no host and port; write http://127.0.0.1:PORT/PATH")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("--detector: a password in a URL would stand in run.json; leave it out, or write a function")
    return url
