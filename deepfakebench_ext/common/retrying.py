"""Reading that is tried again where the system says what passes: a server of files that restarts, a full table."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PASSING: Final = frozenset(
    {
        *(errno.EIO, errno.ETIMEDOUT, errno.ESTALE, errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE),
        *(errno.ENOMEM, errno.ECONNRESET, errno.ECONNABORTED, errno.ENETDOWN, errno.ENETUNREACH),
        *(errno.EHOSTDOWN, errno.EHOSTUNREACH),
    }
)
"""What the system says of a file that may be read a moment later; a file that is away or not ours is no such thing."""
WAITS_S: Final = (0.5, 2.0)


def retried(read: Callable[[], T]) -> T:
    """Return what `read` gives, which is tried again after each of `WAITS_S` where what it met may pass.

    Raises:
        OSError: As `read`, of the last try.
    """
    for wait_s in WAITS_S:
        try:
            return read()
        except OSError as error:
            if error.errno not in PASSING:
                raise
            time.sleep(wait_s)
    return read()
