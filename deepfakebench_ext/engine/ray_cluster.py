"""A Ray cluster to compute on: one that runs, or one of this machine's cores that ends with the command."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from deepfakebench_ext.common.cpus import usable_cpus
from deepfakebench_ext.common.errors import ConfigError, ExtError, MissingExtraError, ModelError
from deepfakebench_ext.common.wording import counted

T = TypeVar("T")
Nodes = Sequence[Mapping[str, float]]
_OBJECTS_BYTES = 256 * 2**20
"""What a cluster of one machine may hold of paths and scores in shared memory; more goes to the disk."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What each of a cluster's actors takes.

    Attributes:
        actors: How many there are.
        cpus, gpus: Of each.
    """

    actors: int
    cpus: int
    gpus: int

    @classmethod
    def of(cls, nodes: Nodes, asked: int | None, device: str) -> Shares:
        """Return how a cluster is shared out: an actor a GPU where GPUs are meant, else one a node.

        Args:
            nodes: Resources of each, `CPU` and `GPU`.
            asked: Actors; None takes as many as there are GPUs, or nodes.
            device: `auto` takes GPUs where the cluster has some.
        """
        takes_gpu = device == "cuda" or (device == "auto" and any(node.get("GPU", 0) >= 1 for node in nodes))
        computing = [node for node in nodes if node.get("GPU" if takes_gpu else "CPU", 0) >= 1]
        places = int(sum(node["GPU"] for node in computing)) if takes_gpu else len(computing)
        actors = asked or max(1, places)
        if not computing:  # a cluster that grows on demand
            return cls(actors, 1, int(takes_gpu))
        beside = max(1, -(-actors // len(computing)))
        cpus = min(node.get("CPU", 1) // (node["GPU"] if takes_gpu else beside) for node in computing)
        return cls(actors, max(1, int(cpus)), int(takes_gpu))

    def text(self) -> str:
        """Return it for people."""
        gpu = " and a GPU" if self.gpus else ""
        return f"{counted(self.actors, 'Ray actor')} of {counted(self.cpus, 'CPU')}{gpu}"


def needs_ray() -> Any:
    """Return `ray`, its statistics of use off where nobody said otherwise.

    Raises:
        MissingExtraError: It is not installed; says what to type.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its core writes to stderr past all handlers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # said, or it warns that the default will change
    try:
        import ray.data
    except ImportError as error:
        raise MissingExtraError(f"this needs Ray Data: pip install 'deepfakebench-ext[ray]' ({error})") from error
    return ray


class RayCluster:
    """A cluster that this process drives, while open. A context manager.

    Attributes:
        ray: The library.
        shares: What each actor takes.
    """

    def __init__(self, address: str | None = None, *, actors: int | None = None, device: str = "auto") -> None:
        """Connect, or start a cluster of this machine's cores, without a dashboard.

        Args:
            address: Of a cluster, as Ray has it; None starts one.
            actors, device: As `Shares.of`.

        Raises:
            MissingExtraError: Ray is not installed.
            ConfigError: No cluster there, or a device that is one of several.
        """
        if device.startswith("cuda:"):
            raise ConfigError(f"--device {device} means nothing with Ray, which gives each actor a GPU; give cuda")
        self.ray, self._stack = needs_ray(), contextlib.ExitStack()
        said: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address is None:
            here = {"num_cpus": usable_cpus(), "object_store_memory": _OBJECTS_BYTES, "include_dashboard": False}
            self.ray.init(address="local", **here, **said)
        else:
            self._connect(address, said)
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what fails is said by whoever asked for it
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        self.shares = Shares.of(nodes, actors, device)

    def _connect(self, address: str, said: Mapping[str, Any]) -> None:
        try:
            self.ray.init(address=address, **said)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"--address {address}: {error}. Give what `ray start` printed, HOST:PORT, or auto; where the cluster "
                "asks for tokens, set RAY_AUTH_MODE=token and have its token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
            ) from error

    def __enter__(self) -> RayCluster:
        """Send what Ray prints of its processes to stderr: standard output is for results."""
        self._stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster; one that was started here ends."""
        self.ray.shutdown()
        self._stack.close()

    @property
    def each(self) -> dict[str, int]:
        """What Ray is asked for an actor."""
        return {"num_cpus": self.shares.cpus, "num_gpus": self.shares.gpus}

    def run(self, function: Callable[..., T], *given: object) -> T:
        """Return what a function comes to on a machine of the cluster, with what an actor has, in this folder.

        Raises:
            ExtError: As the function, or Ray's own failure.
        """
        task = self.ray.remote(**self.each, max_retries=3)(in_folder)
        try:
            came: T = self.ray.get(task.remote(os.getcwd(), function, *given))  # noqa: PTH109 - text for Ray
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ExtError):
                raise error.cause from error
            raise
        except self.ray.exceptions.RayError as error:
            raise ModelError(f"Ray: {error}") from error
        return came


def in_folder(folder: str, function: Callable[..., T], *given: object) -> T:
    """Return what a function comes to in a folder, so that relative paths mean what they mean where they were typed.

    Raises:
        ConfigError: This machine has no such folder.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(
            f"{socket.gethostname()} has no folder {folder}, in which the command was typed ({error.strerror}): type "
            "it in one that all machines of the cluster share"
        ) from error
    return function(*given)
