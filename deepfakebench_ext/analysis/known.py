"""Films of which it is known what they are: given as real or as fakes, or the labelled videos of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepfakebench_ext.analysis.analyze import films_of
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.run_names import METRICS_JSON, VIDEOS_CSV
from deepfakebench_ext.common.types import FAKE, LABEL_NAMES, REAL, Label, Sample
from deepfakebench_ext.data.samples.folder_labels import label_of
from deepfakebench_ext.report.scores.score_files import read_scores


def known_films(videos: Sequence[str | Path], fake: Sequence[str | Path]) -> tuple[list[Sample], list[Sample]]:
    """The films that are known to be real, and those that are known to be fakes, each once.

    Args:
        videos: Real ones: files, and folders that are searched in all depths; or run directories of evaluations, whose
            labels say which of their videos are which.
        fake: Fakes, in files and folders.

    Raises:
        ConfigError: Nothing there, an evaluation without videos or labels, or a film that is said to be both.
    """
    given = [Path(video) for video in videos]
    runs = [path for path in given if is_evaluation(path)]
    others = [path for path in given if path not in runs]
    real, fakes = [], []
    for run in runs:
        by_label = _of_evaluation(run)
        real += by_label[REAL]
        fakes += by_label[FAKE]
    real += _all_are(REAL, films_of(others)) if others else []
    fakes += _all_are(FAKE, films_of(fake)) if fake else []
    known = {sample.path: sample for sample in real}, {sample.path: sample for sample in fakes}
    if both := known[0].keys() & known[1].keys():
        raise ConfigError(f"{min(both)} is given as real and as a fake; give it once")
    return list(known[0].values()), list(known[1].values())


def is_evaluation(path: Path) -> bool:
    """Whether a path is the run directory of an evaluation of videos or images."""
    return any((path / name).is_file() for name in (VIDEOS_CSV, METRICS_JSON))


def _of_evaluation(run: Path) -> dict[Label, list[Sample]]:
    if not (run / VIDEOS_CSV).is_file():
        raise ConfigError(f"{run} is an evaluation of images, which have no times; a threshold is chosen on videos")
    scores = read_scores(run / VIDEOS_CSV)
    labels = scores.table.labels.tolist()
    found: dict[Label, list[Sample]] = {REAL: [], FAKE: []}
    for label, place in zip(labels, scores.paths(range(len(labels))), strict=True):
        path = Path(place)
        if label not in found:
            continue
        if not place or not path.is_file():
            raise ConfigError(
                f"{run} scored {place or 'frames of a dataset'}, and there is no such film here; run this where the "
                "evaluation ran, on videos in files"
            )
        found[label] += films_of([path])
    if not found[REAL]:
        raise ConfigError(f"{run} has no videos that are labelled real, and a threshold is chosen on real ones")
    return found


def _all_are(label: Label, films: Sequence[Sample]) -> Sequence[Sample]:
    """The films, unless a folder within those that were given says otherwise, as `real/` and `fake/` in `data/` do."""
    for film in films:
        said = label_of(Path(film.key).parts[:-1])
        if said not in (None, label):
            raise ConfigError(
                f"{film.path} is given as {LABEL_NAMES[label].lower()}, and its folder says that it is "
                f"{LABEL_NAMES[said or 0].lower()}; give real videos alone, and known fakes to --fake"
            )
    return films
