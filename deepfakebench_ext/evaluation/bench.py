"""`bench`: several detectors over several of DeepfakeBench's datasets, into one table."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import ConfigError, ExtError
from deepfakebench_ext.data.stores.frame_stores import FrameStore
from deepfakebench_ext.data.stores.shared_store import SharedStore
from deepfakebench_ext.engine.dataset_inputs import HostData
from deepfakebench_ext.engine.launched import Launched
from deepfakebench_ext.engine.own.detector import OwnDetector, is_own
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.evaluation.bench_sharing import score_free, wait_for_all
from deepfakebench_ext.evaluation.bench_table import Cell, bench_markdown, write_bench_csv
from deepfakebench_ext.evaluation.evaluate import Scoring
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.evaluation.plan import Plan
from deepfakebench_ext.evaluation.request import EvaluationRequest
from deepfakebench_ext.models.scoring import ScoringDetector

logger = logging.getLogger(__name__)

TABLE, CSV = "bench.md", "bench.csv"
# 5,000 crops of 256x256: what detectors that go abreast are apart, and then some.
_SHARED_BYTES = 2**30
# What is said below the table: how the frames came to be, not what the figures of one run are worth.
_OF_INPUT = ("protocol", "json_order", "label_dict")


@dataclass(frozen=True, slots=True)
class Entry:
    """One detector of the table.

    Attributes:
        config: Name or path of its YAML; or a program of the user's, as `OwnDetector.of`.
        weights: Path or hub id; None takes the config's own.
    """

    config: str
    weights: str | None = None

    @classmethod
    def parse(cls, text: str) -> Entry:
        """Return the entry that `config` or `config=weights`, or a program of the user's, means.

        Raises:
            ConfigError: One of the two is empty.
        """
        if is_own(text):
            return cls(text)
        config, equals, weights = text.partition("=")
        if not config or (equals and not weights):
            raise ConfigError(f"--detectors {text!r}: write CONFIG=WEIGHTS, such as huggingface_clip=w.pth, or CONFIG")
        return cls(config, weights or None)

    def __str__(self) -> str:
        """Return it as it is written."""
        return self.config if self.weights is None else f"{self.config}={self.weights}"


def bench(entries: Sequence[Entry], request: EvaluationRequest, *, launched: Launched | None = None) -> list[Cell]:
    """Run every detector over every dataset, write `bench.md` and `bench.csv`, and return the cells.

    The detectors go over a dataset abreast, so that each of its frames is decoded once. Each pair has a run directory
    of its own, the same that `evaluate` gives it, in which it goes on where it stopped. What fails is a cell that says
    why, and the others go on.

    Args:
        entries: The detectors, each once.
        request: What is asked of each; it names datasets, each once, and no detector.
        launched: Which of several processes this is, that share the scoring; None where it is alone.

    Returns:
        The cells, in process 0; nothing in the others, which write no table.

    Raises:
        ConfigError: No detectors or datasets, or one twice, an unknown protocol, or datasets that lie nowhere.
        OutputError: The table cannot be written.
    """
    for option, names in (("--detectors", list(map(str, entries))), ("--test_dataset", request.test_dataset)):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if not names or twice:
            given = f"{', '.join(twice)} was given twice" if twice else "none was given"
            raise ConfigError(f"{option} takes one or several, each once; {given}")
    data = request.located()
    failures: dict[Entry, Exception] = {}
    detectors: dict[Entry, ScoringDetector | OwnDetector] = {}
    for entry in entries:
        try:
            detectors[entry] = _loaded(entry, request)
        except Exception as error:
            failures[entry] = error
    if launched is not None:
        for dataset in request.test_dataset:
            score_free(_plans(detectors, dataset, data, request)[0], dataset, is_first=launched.rank == 0)
        if launched.rank:
            for dataset in request.test_dataset:
                wait_for_all(_plans(detectors, dataset, data, request)[0], dataset)
            return []
    unloaded = {entry: _reason(f"loading {entry}", error) for entry, error in failures.items()}
    cells: list[Cell] = []
    for dataset in request.test_dataset:
        plans, errors = _plans(detectors, dataset, data, request)
        reasons = unloaded | {entry: _reason(f"{entry} on {dataset}", error) for entry, error in errors.items()}
        cells += _one_dataset(entries, detectors, plans, reasons, dataset, request, is_shared=launched is not None)
    write_bench_csv(Path(request.output_dir) / CSV, cells)
    with atomic_writer(Path(request.output_dir) / TABLE) as file:
        file.write(bench_markdown(cells))
    return cells


def _loaded(entry: Entry, request: EvaluationRequest) -> ScoringDetector | OwnDetector:
    if is_own(entry.config):
        return request.own(entry.config)
    one = replace(request, detector_config=entry.config, weights=entry.weights)
    return one.load(one.settings())


def _plans(
    detectors: Mapping[Entry, ScoringDetector | OwnDetector],
    dataset: str,
    data: HostData,
    request: EvaluationRequest,
) -> tuple[dict[Entry, Plan], dict[Entry, Exception]]:
    """The scoring of a dataset by each detector, with one store of frames; and why others have none."""
    plans: dict[Entry, Plan] = {}
    errors: dict[Entry, Exception] = {}
    store: FrameStore | None = None
    for entry, detector in detectors.items():
        try:
            store = store or SharedStore(data.store(dataset), _SHARED_BYTES)
            plans[entry] = request.plan(request.dataset(dataset, data, store, detector.settings), detector)
        except Exception as error:
            errors[entry] = error
    return plans, errors


def _one_dataset(
    entries: Sequence[Entry],
    detectors: Mapping[Entry, ScoringDetector | OwnDetector],
    plans: Mapping[Entry, Plan],
    reasons: dict[Entry, str],
    dataset: str,
    request: EvaluationRequest,
    *,
    is_shared: bool,
) -> list[Cell]:
    names, done = row_names(entries), dict[Entry, Evaluation]()
    with ExitStack() as stack:
        scorings: dict[Entry, Scoring] = {}
        for entry, plan in plans.items():
            try:
                scorings[entry] = stack.enter_context(Scoring(plan, is_shared=is_shared))
            except Exception as error:
                reasons[entry] = _reason(f"{entry} on {dataset}", error)
        reasons |= _abreast(scorings, dataset)
        for entry, scoring in scorings.items():
            if entry not in reasons:
                done[entry] = scoring.report(request.report(scoring.plan))
    cells = {entry: Cell(names[entry], entry.weights or "", dataset, reasons.get(entry, "")) for entry in entries}
    return [_filled(cell, detectors.get(entry), done.get(entry)) for entry, cell in cells.items()]


def _abreast(scorings: Mapping[Entry, Scoring], dataset: str) -> dict[Entry, str]:
    """Score with all of them, always with the one that is furthest behind; return why some failed."""
    reasons: dict[Entry, str] = {}
    running = {entry: iter(scoring) for entry, scoring in scorings.items()}
    total = sum(len(scoring.samples) for scoring in scorings.values())
    with Progress(total, "video", name=dataset) as progress:
        while running:
            entry = min(running, key=lambda entry: scorings[entry].done)
            try:
                next(running[entry])
            except StopIteration:
                del running[entry]
            except Exception as error:
                del running[entry]
                reasons[entry] = _reason(f"{entry} on {dataset}", error)
            progress.at(sum(scoring.done for scoring in scorings.values()))
    return reasons


def _reason(what: str, error: Exception) -> str:
    """Return why something failed; an error that is none of ours goes to the log with its traceback."""
    known = isinstance(error, ExtError)
    logger.error("%s failed: %s", what, error, exc_info=None if known else error)
    return str(error) if known else f"{type(error).__name__}: {error}"


def row_names(entries: Sequence[Entry]) -> dict[Entry, str]:
    """Return what each entry is called in the table: its config's name, with more where that would not tell it apart.

    Args:
        entries: Each once.
    """
    names = {entry: entry.config if is_own(entry.config) else Path(entry.config).stem for entry in entries}
    for longer in (_with_weights, str):
        taken = Counter(names.values())
        names = {entry: name if taken[name] == 1 else longer(entry) for entry, name in names.items()}
    return names


def _with_weights(entry: Entry) -> str:
    stem = Path(entry.config).stem
    return stem if entry.weights is None else f"{stem}={entry.weights}"


def _filled(cell: Cell, detector: ScoringDetector | OwnDetector | None, done: Evaluation | None) -> Cell:
    """Return what stands in the table; None where nothing was loaded, or scored."""
    if detector is not None:
        cell = replace(cell, trained=isinstance(detector, OwnDetector) or detector.report.head_trained)
    if detector is None or done is None:
        return cell
    return replace(
        cell,
        figures=done.figures,
        counts=done.counts,
        statuses=done.statuses,
        host_video_auc=done.host_video_auc,
        notices=tuple(notice for notice in done.notices if notice.kind in _OF_INPUT),
        folder=str(done.folder),
        protocol=done.protocol,
    )
