"""Who else does what a command does: other shards, and other processes that a launcher started beside this one."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from deepfakebench_ext.cli.terminal import hush
from deepfakebench_ext.common.errors import UnfinishedError

if TYPE_CHECKING:
    from deepfakebench_ext.engine.launched import Launched
    from deepfakebench_ext.engine.parts import Shard

logger = logging.getLogger(__name__)


class Sharing(NamedTuple):
    """Who else scores, extracts or analyses the same.

    Attributes:
        shard: Which share of the command is this one's alone; None where it is all.
        launched: Which of a launcher's processes this is; None where it is alone.
    """

    shard: Shard | None
    launched: Launched | None

    @classmethod
    def begin(cls, shard: str | None = None) -> Sharing:
        """Return who else is there; of several processes all but the first say warnings and errors alone from here on.

        A launcher ends its processes by SIGTERM where one of them fails; they then give back what they are at.

        Raises:
            ConfigError: A shard that is none, or variables of a launcher that are no numbers.
        """
        from deepfakebench_ext.engine.launched import Launched
        from deepfakebench_ext.engine.parts import Shard

        sharing = cls(None if shard is None else Shard.parse(shard), Launched.here())
        if not sharing.is_main:
            hush()
        if sharing.is_shared and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        return sharing

    @property
    def is_shared(self) -> bool:
        """Whether others may be at the same."""
        return self.shard is not None or self.launched is not None

    @property
    def is_main(self) -> bool:
        """Whether this process reports."""
        return self.launched is None or self.launched.rank == 0

    def device(self, asked: str) -> str:
        """Return the device of this process, and let it have its share of the CPUs."""
        if self.launched is None:
            return asked
        self.launched.share_cores()
        return self.launched.device(asked)

    @contextlib.contextmanager
    def leaving_it_to_main(self) -> Iterator[None]:
        """Let process 0 alone fail of units that were given up: a launcher would end it before it has named them."""
        try:
            yield
        except UnfinishedError as error:
            if self.is_main:
                raise
            logger.debug("%s", error)
