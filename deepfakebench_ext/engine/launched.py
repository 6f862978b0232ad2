"""Whether `torchrun`, `accelerate launch` or the like started this process beside others, and which of them it is."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from deepfakebench_ext.common.cpus import THREADS, usable_cpus
from deepfakebench_ext.common.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Launched:
    """One of several processes of one command.

    Attributes:
        rank: Its number over all machines, from 0.
        count: How many there are.
        local: Its number on this machine, from 0.
        beside: How many there are on this machine.
    """

    rank: int
    count: int
    local: int
    beside: int

    @classmethod
    def here(cls) -> Launched | None:
        """Return which this process is; None where it is alone.

        Raises:
            ConfigError: The launcher's variables are no numbers.
        """
        said = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")}
        if not (said["RANK"] and said["WORLD_SIZE"]):
            return None
        try:
            rank, count = int(said["RANK"]), int(said["WORLD_SIZE"])
            local, beside = int(said["LOCAL_RANK"] or rank), int(said["LOCAL_WORLD_SIZE"] or count)
        except ValueError as error:
            raise ConfigError(f"{said} are set, and are no numbers: unset them, or start with torchrun") from error
        return None if count == 1 else cls(rank, count, local, max(1, beside))

    def share_cores(self) -> None:
        """Let a network compute on this process's share of the CPUs, where nobody said on how many.

        torchrun itself says 1 where nobody did, so that half of four CPUs would do nothing for two processes; and
        without any word each process would take all of them.
        """
        if os.environ.get(THREADS, "1") != "1":
            return
        number = max(1, usable_cpus() // self.beside)
        os.environ[THREADS] = str(number)  # which torch reads as it is imported
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(number)

    def device(self, asked: str) -> str:
        """Return the device that this process takes: one GPU a process, where GPUs are asked for and there."""
        if asked not in ("auto", "cuda"):
            return asked
        try:
            import torch
        except ImportError:  # an exported network is run without it, on the CPU
            return asked
        if not torch.cuda.is_available():
            return asked
        return f"cuda:{self.local % torch.cuda.device_count()}"
