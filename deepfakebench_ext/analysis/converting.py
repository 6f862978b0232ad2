"""Timelines, predictions and truths as the files of other evaluators, and theirs as each other's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.analysis.formats import activitynet, avdeepfake1m
from deepfakebench_ext.analysis.formats.files import read_json
from deepfakebench_ext.analysis.formats.timeline_reading import SaidVideo, read_timeline, timeline_paths
from deepfakebench_ext.analysis.formats.truth import TrueVideo, is_truth, read_truth
from deepfakebench_ext.analysis.judging import paired
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.segments.stretches import ScoredStretch

Boxes = Mapping[str, Sequence[ScoredStretch]]


@dataclass(frozen=True, slots=True)
class Format:
    """The two files of an evaluator.

    Attributes:
        predictions: The document of the scored stretches of each video.
        truth: The document of what is true of videos.
    """

    predictions: Callable[[Boxes], Any]
    truth: Callable[[Iterable[TrueVideo]], Any]


FORMATS = {
    "avdeepfake1m": Format(avdeepfake1m.proposals_document, avdeepfake1m.metadata_document),
    "activitynet": Format(activitynet.results_document, activitynet.database_document),
}


def converted(sources: Sequence[Path], to: str, truth: Sequence[TrueVideo] | None = None) -> Any:
    """The file of another evaluator, as JSON values.

    Args:
        sources: Timelines, or folders of them; or one file of predictions, or of a truth, of any format known here.
        to: A name of `FORMATS`.
        truth: Calls the videos of timelines as it does, and those without a timeline have no stretches; None calls them
            by their paths.

    Raises:
        ConfigError: No such format, or files that are missing, not allowed, or do not go together.
    """
    if to not in FORMATS:
        raise ConfigError(f"--to {to!r} is not allowed; give {' or '.join(FORMATS)}")
    if len(sources) == 1 and sources[0].is_file():
        document = read_json(sources[0])
        if not (isinstance(document, Mapping) and "schema_version" in document):
            if truth is not None:
                raise ConfigError(
                    f"{sources[0]} is no timeline, and --truth names the videos of timelines; leave it out"
                )
            if is_truth(document):
                return FORMATS[to].truth(read_truth(sources[0]))
            return FORMATS[to].predictions(_predictions(document, sources[0]))
    paths = dict.fromkeys(path for source in sources for path in timeline_paths(source))
    return FORMATS[to].predictions(_named([read_timeline(path) for path in paths], truth))


def _predictions(document: Any, path: Path) -> Boxes:
    is_activitynet = isinstance(document, Mapping) and "results" in document
    try:
        return activitynet.results_of(document) if is_activitynet else avdeepfake1m.proposals_of(document)
    except ConfigError as error:
        raise ConfigError(f"{path} holds neither a timeline nor predictions nor a truth: {error}") from error


def _named(said: Sequence[SaidVideo], truth: Sequence[TrueVideo] | None) -> Boxes:
    if truth is not None:
        pairs, _ = paired(said, truth)
        return {video.file: pairs[video.file].boxes if video.file in pairs else () for video in truth}
    named = {each.file: each.boxes for each in said}
    if len(named) < len(said):
        files = [each.file for each in said]
        raise ConfigError(f"{max(files, key=files.count)!r} has two timelines; give one timeline a video")
    return named
