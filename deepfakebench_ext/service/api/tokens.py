"""Who may call: tokens from a file, each with a name and what it may do."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from deepfakebench_ext.common.errors import ConfigError

Scope = Literal["read", "submit", "admin"]
LEAST_LETTERS = 16
COOKIE = "dfb_read"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LINE = "<name> <scopes> <token>, such as: alice read,submit 7f3c09e2b81d4a56"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        owner: Whose jobs these are: the token's name, or empty where no tokens are asked for.
        scopes: What may be done; `admin` may do all, with everybody's jobs.
    """

    owner: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether something may be done."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def sees(self) -> str | None:
        """Whose jobs are seen; None for all."""
        return None if "admin" in self.scopes else self.owner


NOBODY = Caller("", frozenset(get_args(Scope)))
"""Everybody, where no tokens are asked for."""


class Tokens:
    """The tokens of a service."""

    def __init__(self, callers: dict[str, Caller]) -> None:
        """Take the caller of each token."""
        self._callers = callers

    def caller(self, token: str) -> Caller | None:
        """Who has this token, found in a time that does not tell how near it is to one."""
        found = None
        for known, caller in self._callers.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = caller
        return found

    def reader(self, key: str) -> Caller | None:
        """Whose token has this reading key."""
        found = None
        for known, caller in self._callers.items():
            if hmac.compare_digest(reading_key(known).encode(), key.encode()):
                found = caller
        return found


def reading_key(token: str) -> str:
    """What a browser keeps in a cookie in place of the token: it reads as the token does, and does not tell it."""
    return hmac.new(token.encode(), b"deepfakebench_ext reads", hashlib.sha256).hexdigest()


def read_tokens(path: Path) -> Tokens:
    """Return the tokens of a file: a line each, `#` begins a comment.

    Raises:
        ConfigError: It cannot be read, or a line is not allowed; the message does not repeat the token.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--token_file {path} cannot be read: {error}") from error
    callers: dict[str, Caller] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where = f"--token_file {path}, line {number}"
        if len(words) != 3:
            raise ConfigError(f"{where} has {len(words)} words; give {_LINE}")
        name, scopes, token = words
        known = [scope for scope in get_args(Scope) if scope in scopes.split(",")]
        if len(known) != len(scopes.split(",")) or not _NAME.fullmatch(name):
            raise ConfigError(f"{where}: scopes are {', '.join(get_args(Scope))}, a name has no spaces; give {_LINE}")
        if len(token) < LEAST_LETTERS or token in callers:
            raise ConfigError(f"{where}: a token has {LEAST_LETTERS} letters or more, and is given once")
        callers[token] = Caller(name, frozenset(known))
    if not callers:
        raise ConfigError(f"--token_file {path} has no token; give {_LINE}")
    return Tokens(callers)
