"""`dfb-ext analyze`, and `scripts/analyze_video.py`: the timeline of a video."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from deepfakebench_ext.cli.evaluate import say_detector, say_preprocess
from deepfakebench_ext.cli.inputs import places_of
from deepfakebench_ext.cli.options import (
    COMPUTING,
    CONTEXT,
    DETECTOR,
    DRY_RUN,
    FINDING_FACES,
    JSON,
    OUTPUT_DIR,
    SpacedCommand,
    command_line,
    option,
    options,
    record_of,
)
from deepfakebench_ext.cli.plans import detector_text, samples_text, say_plan
from deepfakebench_ext.cli.sharing import Sharing
from deepfakebench_ext.cli.terminal import say, say_json
from deepfakebench_ext.cli.values import OneOf, Real, Whole, there
from deepfakebench_ext.common.choices import AGGREGATIONS
from deepfakebench_ext.common.wording import counted, printable, rounded
from deepfakebench_ext.models.quiet import hush_transformers

if TYPE_CHECKING:
    from deepfakebench_ext.analysis.analyze import Analysed
    from deepfakebench_ext.analysis.cut import Segment
    from deepfakebench_ext.analysis.request import AnalysisRequest
    from deepfakebench_ext.analysis.timeline import Timeline
    from deepfakebench_ext.common.types import Sample
    from deepfakebench_ext.models.scoring import ScoringDetector

_EXAMPLES = """
\b
Examples:
  dfb-ext analyze talk.mp4 --weights org/deepfake-vit --landmark_model shape_predictor_81_face_landmarks.dat
  dfb-ext analyze interviews/ --weights w.pth --fps 10 --subtitles

\b
Each video has a run directory with timeline.json, segments.csv, scores.csv, keyframes/ and report.html.
Several processes share the videos: torchrun --nproc_per_node 4 -m deepfakebench_ext analyze ...
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some videos could not be read.
"""
_RULES = ("top_fifth", *AGGREGATIONS)
_video = partial(option, group="video")
_figures = partial(option, group="figures")
ANALYSIS = (
    _video(
        "--fps",
        type=Real(0, above=True),
        everyday=True,
        help="Moments a second at which an image detector scores. Default: 5.",
    ),
    _video("--frame_interval", type=Whole(), help="Distance between two frames of a clip. Default: 1."),
    option(
        "--faces",
        group="faces",
        type=OneOf(("all", "largest")),
        default="all",
        show_default=True,
        help="Whose is scored in each frame.",
    ),
    option(
        "--min_face_px",
        group="faces",
        type=Whole(),
        default=48,
        show_default=True,
        help="Narrower faces are not scored.",
    ),
)
AGGREGATION = (
    _figures(
        "--aggregation",
        type=OneOf(_RULES),
        default="top_fifth",
        show_default=True,
        help="Of the scores of a face to one.",
    ),
)
_SHARE, _SECONDS = Real(0, 1), Real(0, 3600)
POLICY = (
    _figures("--offset_below", type=_SHARE, help="A stretch ends where the score is so far below. Default: 0.1."),
    _figures("--smooth_s", type=_SECONDS, help="Seconds over which scores are smoothed. Default: 0.6."),
    _figures("--min_on_s", type=_SECONDS, help="Shorter stretches are not marked. Default: 0.4."),
    _figures("--min_off_s", type=_SECONDS, help="Shorter pauses between two are marked too. Default: 0.4."),
    _figures("--pad_s", type=_SECONDS, help="Seconds marked before and after each stretch. Default: 0."),
)
_CUT = (
    _figures(
        "--threshold",
        type=Real(0, 1, word="stored"),
        everyday=True,
        help="Score from which a stretch is marked, or stored, what training chose. Default: 0.5, not calibrated.",
    ),
    _figures(
        "--threshold_from",
        callback=there,
        metavar="PATH",
        everyday=True,
        help="Folder or file of dfb-ext calibrate-timeline, which chooses it instead.",
    ),
)
_SHARD = (
    option(
        "--shard",
        group="running",
        metavar="I/N",
        help="Analyse every N-th video alone, from the I-th on, such as 1/4.",
    ),
)
_output = partial(option, group="output")
_BESIDES = (
    _output("--report/--no_report", default=True, show_default=True, help="Write report.html."),
    _output("--overlay", is_flag=True, everyday=True, help="Write a copy of the video with boxes coloured by score."),
    _output(
        "--subtitles", is_flag=True, everyday=True, help="Write the marked stretches as segments.vtt and segments.srt."
    ),
    *JSON,
)


@click.command(cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("videos", nargs=-1, required=True, callback=places_of)
@options(DETECTOR, ANALYSIS, FINDING_FACES, _CUT, POLICY, AGGREGATION, COMPUTING, _SHARD, DRY_RUN, OUTPUT_DIR, _BESIDES)
def analyze(**given: Any) -> None:
    """Find the suspicious stretches of videos: when, whose face, how sure, and what that is worth."""
    request = request_of(given)
    settings = request.settings()
    if given["dry_run"]:
        from deepfakebench_ext.analysis.analyze import films_of

        return say_plan(
            f"would analyse {samples_text(films_of(request.videos), 'video')}",
            f"with {detector_text(given, settings.model_name)}, into runs below {request.output_dir}",
        )
    hush_transformers()
    sharing = Sharing.begin(given["shard"])
    films = request.films()
    films = films if sharing.shard is None else [films[number] for number in sharing.shard.of(len(films))]
    detector = replace(request, device=sharing.device(request.device)).load(settings)
    say_detector(detector)
    say_preprocess(detector.preprocess)
    done: list[Mapping[str, Any]] = []
    for each in _said(request, films, detector, sharing):
        done.append(each["json"])
        if not given["as_json"]:
            say(each["text"])
    if given["as_json"] and sharing.is_main:
        say_json(json.dumps(done, indent=2, ensure_ascii=False))
    _finish(sum(each["status"] != "ok" for each in done))


def _said(
    request: AnalysisRequest, films: Sequence[Sample], detector: ScoringDetector, sharing: Sharing
) -> Iterator[Mapping[str, Any]]:
    """What is said of each film, in lines and as JSON; nothing where another process says it."""

    def say_of(each: Analysed) -> dict[str, Any]:
        return {"text": analysed_line(each), "json": _json(each)}

    if sharing.launched is None:
        yield from map(say_of, request.analyses(films, detector))
        return
    from deepfakebench_ext.analysis.sharing import analyse_beside_others

    yield from analyse_beside_others(films, detector, request.how(detector), is_first=sharing.is_main, say=say_of)


def request_of(given: dict[str, Any]) -> AnalysisRequest:
    """The request that the options make."""
    from deepfakebench_ext.analysis.policy import PolicyOptions
    from deepfakebench_ext.analysis.request import AnalysisRequest
    from deepfakebench_ext.engine.input_options import FaceFinding

    cutting, policy = record_of(FaceFinding, given), record_of(PolicyOptions, given)
    return record_of(AnalysisRequest, given, cutting=cutting, policy=policy, command=command_line())


def finish(done: Sequence[Analysed]) -> None:
    """Exit with 3 where a video could not be read."""
    _finish(sum(each.timeline is None for each in done))


def _finish(unread: int) -> None:
    if unread:
        say(f"{counted(unread, 'video')} could not be read", err=True)
        sys.exit(3)


def analysed_line(each: Analysed) -> str:
    """What became of a video, for people."""
    from deepfakebench_ext.analysis.outputs import calibration_words

    timeline = each.timeline
    if timeline is None:
        return printable(f"{each.file}: not analysed: {each.reason.removeprefix(f'{each.file}: ')}")
    score = "none" if timeline.score.score is None else rounded(timeline.score.score, 3)
    marked = ", ".join(
        f"{each.start_s:.2f}-{each.end_s:.2f} s ({_whose(each, timeline)})" for each in timeline.segments
    )
    said = f"{timeline.decision.word} ({timeline.decision.reason})"
    lines = [f"{each.file}: {said}; score {score}; marked: {marked or 'nothing'}"]
    if each.reason:
        lines.append(f"  WARNING: {each.reason}")
    return "\n".join(map(printable, [*lines, f"  {calibration_words(timeline)}", f"  results in {each.folder}"]))


def _whose(segment: Segment, timeline: Timeline) -> str:
    return "whole frame" if timeline.settings["faces"] is None else f"face {segment.track}"


def _json(each: Analysed) -> dict[str, Any]:
    timeline = each.timeline
    known: dict[str, Any] = {"file": each.file, "folder": None if each.folder is None else each.folder.as_posix()}
    if timeline is None:
        return {**known, "status": "unreadable", "reason": each.reason}
    segments = [{"start_s": s.start_s, "end_s": s.end_s, "track": s.track, "score": s.score} for s in timeline.segments]
    said = {"decision": timeline.decision.word, "score": timeline.score.score, "segments": segments}
    return {**known, "status": "ok", "reason": each.reason, **said, **_worth(timeline)}


def _worth(timeline: Timeline) -> dict[str, bool]:
    return {"calibrated": timeline.chosen is not None, "head_trained": bool(timeline.detector["head_trained"])}
