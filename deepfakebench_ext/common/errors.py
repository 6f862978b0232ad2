"""Errors that reach a user: each says what came, what is allowed and what to type, and carries its exit code."""

from __future__ import annotations

from pathlib import Path


class ExtError(Exception):
    """Base of every error this package raises on purpose.

    Attributes:
        exit_code: What a command exits with: 1 for a failure of the world, 2 for a mistake of the caller.
    """

    exit_code = 1


class ConfigError(ExtError):
    """The command line, the YAML or the manifest asks for something that is not allowed."""

    exit_code = 2


class WeightsError(ExtError):
    """Weights that cannot be found, fetched, trusted or fitted to the detector."""


class MediaError(ExtError):
    """One image or video that cannot be read. The run goes on; the sample is listed with this reason."""


class ModelError(ExtError):
    """A detector that computes something no score can be made of, such as logits that are not finite."""


class FetchError(ExtError):
    """A store that does not answer, or does not let us in. What it holds is not at fault, and may be read later."""


class FailuresError(ExtError):
    """A run that was stopped since too much of it cannot be scored."""


class UnfinishedError(ExtError):
    """Units of a run that failed too often to be tried again. All others are done, and kept."""


class OutputError(ExtError):
    """Results that cannot be written, or a run directory that is not this run's."""


def damaged(path: Path, why: object) -> OutputError:
    """Return the error for a file of a run that is not as it was written, such as after a crash of the machine."""
    return OutputError(f"{path} is damaged: {why}; move {path.parent} away, and run the same command again")


class HostError(ExtError):
    """A DeepfakeBench checkout that was named and is not one."""


class MissingExtraError(ExtError):
    """A feature whose optional dependency is not installed."""
