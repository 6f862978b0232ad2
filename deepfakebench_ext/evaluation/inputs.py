"""What is scored into one run, and which options go with files and which with datasets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.wording import named
from deepfakebench_ext.data.stores.coverage import Coverage
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.models.options import DetectorOptions


@dataclass(frozen=True, slots=True)
class Input:
    """Samples that are scored into one run.

    Attributes:
        source: Name of the dataset, or path of the files.
        samples: Of it.
        store: What reads a dataset's frames; None for files.
        coverage: How much of a dataset is on the disk, where that was looked up.
        notices: What is to be said with its figures.
    """

    source: str
    samples: Sequence[Sample]
    store: FrameStore | None = None
    coverage: Coverage | None = None
    notices: tuple[Notice, ...] = ()


def check_apart(
    datasets: Sequence[str], paths: Sequence[str], of_files: Mapping[str, object], of_datasets: Mapping[str, object]
) -> None:
    """Pass options of datasets, or of files, alone.

    Args:
        datasets: That are asked for; none where files are.
        paths: Of files, without an option.
        of_files, of_datasets: Options of either, to what was said; None is nothing.

    Raises:
        ConfigError: Options of the other.
    """
    given = [f"--{name}" for name, value in (of_files if datasets else of_datasets).items() if value is not None]
    if datasets and paths:
        given.insert(0, named(paths))
    if given:
        why = "with --test_dataset, whose frames are cropped already" if datasets else "without --test_dataset"
        raise ConfigError(f"{', '.join(given)} means nothing {why}")


def asked_of(request: DetectorOptions) -> dict[str, Any]:
    """Return all of a request that decides its runs, as `run.json` says it."""
    said = {**asdict(request), "command": None, "output_dir": None, "workers": None}
    return dict(json.loads(json.dumps(said, default=str)))
