"""Whether `torchrun`, `accelerate launch` or the like started this process beside others, and which of them it is."""

from __future__ import annotations

import os
from dataclasses import dataclass

from deepfakebench_ext.common.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Launched:
    """One of several processes of one command.

    Attributes:
        rank: Its number over all machines, from 0.
        count: How many there are.
        local: Its number on this machine, from 0.
    """

    rank: int
    count: int
    local: int

    @classmethod
    def here(cls) -> Launched | None:
        """Return which this process is; None where it is alone.

        Raises:
            ConfigError: The launcher's variables are no numbers.
        """
        said = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
        if not (said["RANK"] and said["WORLD_SIZE"]):
            return None
        try:
            rank, count, local = (int(said[name] or said["RANK"]) for name in said)
        except ValueError as error:
            raise ConfigError(f"{said} are set, and are no numbers: unset them, or start with torchrun") from error
        return None if count == 1 else cls(rank, count, local)

    def device(self, asked: str) -> str:
        """Return the device that this process takes: one GPU a process, where GPUs are asked for and there."""
        import torch

        if asked not in ("auto", "cuda") or not torch.cuda.is_available():
            return asked
        return f"cuda:{self.local % torch.cuda.device_count()}"
