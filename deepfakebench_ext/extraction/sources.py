"""Which videos are extracted: those of a folder, or those that a manifest lists."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.paths import plain_path
from deepfakebench_ext.common.suffixes import is_video_name
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.urls import is_url, name_of
from deepfakebench_ext.data.samples.folder_labels import labels_above_notices
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.data.samples.manifest import read_manifest
from deepfakebench_ext.remote.typed import place

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where videos come from; exactly one of the two is given.

    Attributes:
        input_dir: Video files and folders of frames, in any depth; labels come from directory names.
        manifest: A CSV or DFDC's metadata.json that lists them with their labels. Either may be a URL, a text.
    """

    input_dir: Path | str | None = None
    manifest: Path | str | None = None

    def __post_init__(self) -> None:
        """Refuse none, and both."""
        if (self.input_dir is None) == (self.manifest is None):
            raise ConfigError("give one of --input_dir (a folder) and --manifest (a CSV, or DFDC's metadata.json)")

    @classmethod
    def of(cls, input_dir: str | Path | None, manifest: str | Path | None) -> Source:
        """Return the source that paths or URLs, as they are typed, mean.

        Raises:
            ConfigError: None, both, or a URL that cannot be read.
        """
        return cls(*(None if given is None else place(given) for given in (input_dir, manifest)))

    @property
    def name(self) -> str:
        """What a dataset of it is called unless told: as the folder, the video, or the manifest without its suffix."""
        given = self.input_dir or self.manifest or Path()
        path = Path(name_of(given)) if isinstance(given, str) else plain_path(given)
        return path.stem if self.manifest is not None or is_video_name(path.name) else path.name

    @property
    def why_unlabelled(self) -> str:
        """Why a video has no label."""
        if self.manifest is not None:
            return f"{self.manifest} has no label for them"
        return "no directory of theirs says real or fake alone; --manifest can"

    def samples(self, apart_from: Path) -> tuple[Sample, ...]:
        """Return the videos, after a warning where a directory above the folder gave their labels.

        Args:
            apart_from: Where frames go: nothing of the input lies in it, nor it in the input, so that no run takes
                frames that it has written for videos.

        Raises:
            ConfigError: No videos, contradicting labels, a line of the manifest that cannot be used, or one folder in
                the other.
        """
        if self.manifest is not None:
            found = tuple(read_manifest(self.manifest, kind="video"))
            for sample in found:
                _check_apart(apart_from, sample.where, f"{sample.where}, which {self.manifest} lists,")
            return found
        assert self.input_dir is not None
        _check_apart(apart_from, self.input_dir, f"--input_dir {self.input_dir}")
        found = tuple(collect_samples(self.input_dir, kind="video"))
        for notice in labels_above_notices([(self.input_dir, found)]):
            logger.warning("%s", notice.text)
        return found


def _check_apart(folder: Path, other: Path | str, name: str) -> None:
    if is_url(str(other)):
        return
    inner, outer = (Path(os.path.realpath(path)) for path in (folder, other))
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ConfigError(
            f"{folder} and {name} lie one in the other, so that the next run would take frames for videos; give an "
            "--output_dir elsewhere"
        )
