"""What `--dry_run` says: what would be done, on standard output, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepfakebench_ext.cli.terminal import say
from deepfakebench_ext.common.wording import counted, printable

if TYPE_CHECKING:
    from deepfakebench_ext.common.types import Sample


def say_plan(*lines: str) -> None:
    """Print what would be done."""
    say("\n".join([*map(printable, lines), "nothing was written: --dry_run"]))


def samples_text(samples: Sequence[Sample], noun: str = "sample") -> str:
    """Return `8 samples (4 real, 4 fake), the first real/000.png`; without labels where there are none."""
    from deepfakebench_ext.common.types import FAKE, REAL

    real, fake = (sum(sample.label == label for sample in samples) for label in (REAL, FAKE))
    labels = f" ({real} real, {fake} fake)" if real or fake else ""
    first = f", the first {samples[0].key}" if samples else ""
    return f"{counted(len(samples), noun)}{labels}{first}"


def detector_text(given: dict[str, Any], name: str) -> str:
    """Return which detector would be loaded: its name, and the weights that were typed."""
    return f"{name} with {given['weights'] or 'the weights of its config'}"
