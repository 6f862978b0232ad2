"""`dfb-ext calibrate-timeline`: the threshold of timelines, chosen by what it marks in known-real videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.analyze import AGGREGATION, ANALYSIS, POLICY, analysed_line, finish, request_of
from deepfakebench_ext.cli.evaluate import say_detector, say_preprocess
from deepfakebench_ext.cli.inputs import paths_of
from deepfakebench_ext.cli.options import (
    COMPUTING,
    CONTEXT,
    DETECTOR,
    DRY_RUN,
    FINDING_FACES,
    OUTPUT_DIR,
    SpacedCommand,
    option,
    options,
)
from deepfakebench_ext.cli.plans import detector_text, say_plan
from deepfakebench_ext.cli.terminal import say
from deepfakebench_ext.cli.values import Real
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.models.quiet import hush_transformers

_EXAMPLES = """
\b
Examples:
  dfb-ext calibrate-timeline real/ --weights w.pth --false_alarms 1/min
  dfb-ext calibrate-timeline inference_results/huggingface_clip-w-48d0c4b4 --weights w.pth
  dfb-ext analyze talk.mp4 --weights w.pth --threshold_from inference_results/huggingface_clip-w-calibration-1a2b3c4d

\b
Nothing of the videos may be manipulated. The run directory of an evaluation stands for its videos: those labelled real,
and as --fake those labelled fake. They should be of the kind that will be analysed; give an hour of them.
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some videos could not be read.
"""


def _per_minute(ctx: click.Context, param: click.Parameter, value: str) -> float:
    try:
        return float(value.removesuffix("/min"))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not seconds a minute, such as 1/min") from error


_RISK = (
    option(
        "--false_alarms",
        group="figures",
        everyday=True,
        metavar="SECONDS/min",
        callback=_per_minute,
        default="1/min",
        show_default=True,
        help="Seconds that may be marked in a minute of real video.",
    ),
    option(
        "--risk",
        group="figures",
        type=Real(0, 1, above=True),
        default=0.05,
        show_default=True,
        help="Share of real videos that may be called fake, and of fakes that may be called real.",
    ),
    option(
        "--fake",
        group="input",
        multiple=True,
        metavar="PATH...",
        everyday=True,
        help="Videos known to be fakes, so that a video may be called real.",
    ),
)


@click.command("calibrate-timeline", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("videos", nargs=-1, required=True, callback=paths_of)
@options(DETECTOR, ANALYSIS, FINDING_FACES, _RISK, POLICY, AGGREGATION, COMPUTING, DRY_RUN, OUTPUT_DIR)
def calibrate_timeline(**given: Any) -> None:
    """Choose the threshold of timelines on videos that are known to be real, by the false alarms that it gives."""
    from deepfakebench_ext.analysis.calibrating import Risk
    from deepfakebench_ext.analysis.known import known_films
    from deepfakebench_ext.common.atomic_files import check_writable

    risk = Risk(given["false_alarms"], given["risk"])
    request = request_of({**given, "report": False})
    settings = request.settings()
    real, fake = known_films(request.videos, given["fake"])
    if given["dry_run"]:
        return say_plan(
            f"would choose a threshold on {counted(len(real), 'real video')} and {counted(len(fake), 'fake')}",
            f"with {detector_text(given, settings.model_name)}, into a run below {request.output_dir}",
        )
    hush_transformers()
    check_writable(Path(request.output_dir))
    detector = request.load(settings)
    say_detector(detector)
    say_preprocess(detector.preprocess)
    threshold, path, done = request.calibrate(real, fake, detector, risk)
    _say(threshold, path)
    for each in done:
        if each.timeline is None:
            say(analysed_line(each), err=True)
        elif each.reason:
            say(f"WARNING: {each.file}: {each.reason}", err=True)
    finish(done)


def _say(threshold: Any, path: Path) -> None:
    from deepfakebench_ext.analysis.policy import LEAST_OFFSET

    chosen, bands = threshold.chosen, threshold.bands
    if threshold.policy.offset <= LEAST_OFFSET:
        say("these videos score so low that they would allow a lower threshold; this is the lowest one that is chosen")
    say(f"threshold {threshold.policy.onset:.6g}, {threshold.source}, {chosen.seconds / 60:.3g} minutes of them")
    for name, figure in (("on the videos that chose it", chosen.measured), ("each by the others'", chosen.held_out)):
        value = f"undefined ({figure.reason})" if figure.value is None else f"{figure.value:.3g} s a minute"
        ends = "" if figure.low is None else f", 95 % {figure.low:.3g} to {figure.high:.3g}"
        warning = f"  ! {figure.warning}" if figure.warning else ""
        say(f"false alarms {name}: {value}{ends}{warning}")
    for word, score in (("fake above", bands.fake_above), ("real below", bands.real_below)):
        said = f"{score:.4g}" if score is not None else f"never: too few videos for a risk of {bands.misses:.1%}"
        say(f"called {word}: {said}")
    say(f"calibration in {path}")
