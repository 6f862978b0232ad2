"""`dfb-ext evaluate`, and `perf_huggingface.py` under the name that users of the older tool know."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.evaluated import finish, finish_known
from deepfakebench_ext.cli.inputs import places_of
from deepfakebench_ext.cli.options import (
    CONTEXT,
    COVERAGE,
    DATASET,
    DECIDING,
    DETECTOR,
    DRY_RUN,
    FACES,
    INPUT,
    OUTPUT,
    OWN,
    RUNNING,
    SHARING,
    VIDEO,
    WHOSE_FACE,
    SpacedCommand,
    command_line,
    options,
    record_of,
)
from deepfakebench_ext.cli.plans import detector_text, samples_text, say_plan
from deepfakebench_ext.cli.sharing import Sharing
from deepfakebench_ext.cli.terminal import note, say, warn
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.models.quiet import hush_transformers

if TYPE_CHECKING:
    from deepfakebench_ext.data.preprocess.spec import PreprocessSpec
    from deepfakebench_ext.data.stores.coverage import Coverage
    from deepfakebench_ext.engine.own.detector import OwnDetector
    from deepfakebench_ext.evaluation.inputs import Input
    from deepfakebench_ext.evaluation.outcome import Evaluation
    from deepfakebench_ext.evaluation.request import EvaluationRequest
    from deepfakebench_ext.models.scoring import ScoringDetector

_EXAMPLES = """
\b
Examples:
  perf_huggingface.py photo.jpg --weights org/deepfake-vit
  perf_huggingface.py photos/ 'more/*.png' talk.mp4 --weights org/deepfake-vit
  perf_huggingface.py --detector_config huggingface_clip --weights w.pth --image photos/
  perf_huggingface.py --detector_config xception --weights w.pth --test_dataset Celeb-DF-v2 UADFV --rgb_dir rgb/
  perf_huggingface.py --detector mine.py:score --image photos/

\b
Paths are images, videos, folders of both, CSV manifests, patterns in quotes, a .txt that lists paths, and - for a list
on standard input. Labels come from directory names (real, original, ... / fake, deepfake, ...) or from the manifest.
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some inputs could not be scored.
"""
_FEW = 20
"""Inputs whose scores are printed each."""


@click.command("evaluate", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("paths", nargs=-1, callback=places_of)
@options(INPUT, DATASET, COVERAGE, DETECTOR, OWN, VIDEO, FACES, WHOSE_FACE, DECIDING, RUNNING, SHARING, DRY_RUN, OUTPUT)
def evaluate(**given: Any) -> None:
    """Score images, videos and datasets with a detector and write results with figures that can be trusted."""
    from deepfakebench_ext.evaluation.finished import finished

    request, sharing = request_of(given), Sharing.begin(given["shard"])
    if not (given["dry_run"] or sharing.shard) and (known := finished(request)) is not None:
        return finish_known(known, str(given["weights"]), as_json=given["as_json"]) if sharing.is_main else None
    hush_transformers()
    settings = request.settings()
    if given["coverage"]:
        return _say_coverage(request.coverages(settings))
    inputs = []
    for each in request.inputs(settings):
        _say_input(each, request)
        inputs.append(each)
    if given["dry_run"]:
        what = given["detector"] or detector_text(given, settings.model_name)
        lines = [f"would score {each.source}: {samples_text(each.samples)}" for each in inputs]
        return say_plan(*lines, f"with {what}, into runs below {request.output_dir}")
    detector = replace(request, device=sharing.device(request.device)).load(settings)
    say_detector(detector)
    most = given["max_failures"]
    results = {each.source: _scored(request, each, detector, sharing, most) for each in inputs}
    done = {source: result for source, result in results.items() if result is not None}
    return finish(done, by_name=bool(request.test_dataset), as_json=given["as_json"]) if done else None


def _scored(
    request: EvaluationRequest,
    given: Input,
    detector: ScoringDetector | OwnDetector,
    sharing: Sharing,
    most: float | None,
) -> Evaluation | None:
    """Score an input, and say first how a network is given it; None where another process reports."""
    from deepfakebench_ext.engine.scorer import NetworkScorer
    from deepfakebench_ext.evaluation.evaluate import Scoring
    from deepfakebench_ext.evaluation.sharing import score_parts, score_shard

    plan = request.plan(given, detector)
    if isinstance(plan.scorer, NetworkScorer):
        say_preprocess(plan.scorer.reader.preprocess)
    if sharing.shard is not None:
        with sharing.leaving_it_to_main():
            number = score_shard(plan, sharing.shard, request.report(plan), max_failures=most)
            note(f"shard {sharing.shard}: {counted(number, 'sample')} scored. Of all: dfb-ext merge {plan.folder}")
        return None
    if not sharing.is_main:
        with sharing.leaving_it_to_main():
            score_parts(plan, max_failures=most)
        return None
    with Scoring(plan, is_shared=sharing.launched is not None, max_failures=most) as scoring:
        scoring.to_the_end()
        return scoring.report(request.report(plan))


def say_preprocess(spec: PreprocessSpec) -> None:
    """Print what a network is given of each frame, and who says so."""
    note(f"input: {spec.text()}")


def request_of(given: dict[str, Any]) -> EvaluationRequest:
    """The request that the options make, whether they name files or datasets."""
    from deepfakebench_ext.engine.dataset_inputs import DatasetOptions
    from deepfakebench_ext.engine.input_options import FaceOptions, SamplingOptions
    from deepfakebench_ext.evaluation.request import EvaluationRequest

    if given.get("coverage") and not given["test_dataset"]:
        raise ConfigError("--coverage means nothing without --test_dataset")
    if given["detector_timeout"] is not None and given["detector"] is None:
        raise ConfigError("--detector_timeout means nothing without --detector, whose samples it limits")
    return record_of(
        EvaluationRequest,
        given,
        datasets=record_of(DatasetOptions, given),
        sampling=record_of(SamplingOptions, given),
        faces=record_of(FaceOptions, given),
        command=command_line(),
        writes=not given["dry_run"],
    )


def _say_coverage(coverages: Iterable[Coverage]) -> None:
    """Print which frames of each dataset are missing; exit code 3 where some are."""
    missing = 0
    for found in coverages:
        missing += found.missing
        say("\n".join(found.lines()))
    if missing:
        sys.exit(3)


def _say_input(given: Input, request: EvaluationRequest) -> None:
    from deepfakebench_ext.common.types import FAKE, REAL

    number, found = len(given.samples), given.coverage
    real, fake = (sum(sample.label == label for sample in given.samples) for label in (REAL, FAKE))
    is_chosen = request.limit is not None and number >= request.limit
    chosen = f" (--limit {request.limit}, balanced, seed {request.seed})" if is_chosen else ""
    labels = f"{chosen}: {real} real, {fake} fake"
    if found is None:
        note(f"{counted(number, 'sample')}{labels}, {number - real - fake} without a label")
        return
    lack = f"; {found.missing} of {found.frames} frames are missing, --coverage lists them" if found.missing else ""
    note(f"{given.source}: {counted(number, 'video')}{labels}{lack}")


def say_detector(detector: ScoringDetector | OwnDetector) -> None:
    """Print what was loaded, and in red where its head is untrained."""
    from deepfakebench_ext.common.notices import untrained_head
    from deepfakebench_ext.engine.own.detector import OwnDetector
    from deepfakebench_ext.models.scoring import loaded_text

    if isinstance(detector, OwnDetector):
        return note(detector.text)
    note(loaded_text(detector))
    if not detector.report.head_trained:
        warn(untrained_head(detector.report.source, detector.settings.seed))
