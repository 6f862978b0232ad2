"""A timeline as one page: what was found, when, whose face, how sure, what that is worth. No scripts, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deepfakebench_ext.analysis.drawing import lanes_svg
from deepfakebench_ext.analysis.timeline import Keyframe, Timeline
from deepfakebench_ext.common.wording import counted, rounded
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS
from deepfakebench_ext.report.document import (
    Album,
    Block,
    Document,
    Drawing,
    Heading,
    Paragraph,
    Plate,
    Points,
    Table,
    Warnings,
)
from deepfakebench_ext.report.html import to_html


def timeline_page(timeline: Timeline, pictures: Mapping[str, bytes], worth: str, damage: str) -> str:
    """The page as HTML.

    Args:
        timeline: All of it.
        pictures: JPEGs of the keyframes by their files.
        worth: What the marks are worth, in a sentence.
        damage: What is amiss with the file; empty where nothing is.
    """
    return to_html(Document(f"Timeline of {timeline.video.file}", list(_blocks(timeline, pictures, worth, damage))))


def _blocks(timeline: Timeline, pictures: Mapping[str, bytes], worth: str, damage: str) -> Iterable[Block]:
    yield from _warnings(timeline, worth, damage)
    said = timeline.decision
    yield Paragraph(f"{said.word}: {said.reason}.")
    score = timeline.score
    decided = (
        f"{rounded(score.score, 3)}, that of face {score.track}" if score.score is not None else f"none: {score.reason}"
    )
    yield Points(
        [
            f"score of the video: {decided} (rule {score.rule})",
            f"{counted(len(timeline.segments), 'marked stretch')}".replace("stretchs", "stretches"),
            worth,
        ]
    )
    yield Heading("Over time")
    yield Drawing(lanes_svg(timeline), "scores of each face over time, with the threshold and the marked stretches")
    yield Heading("Marked stretches")
    yield _segments(timeline) if timeline.segments else Paragraph("None at this threshold.")
    if timeline.keyframes:
        yield Album([_plate(frame, pictures[frame.file]) for frame in timeline.keyframes])
    if timeline.unscored:
        yield Heading("Not scored")
        yield Table(
            ["from", "to", "face", "why"],
            [
                [clock(each.where.start_us), clock(each.where.end_us), str(each.track or "-"), each.reason]
                for each in timeline.unscored
            ],
            caption="what has no score is not real: it was not looked at",
        )
    yield Heading("Video and detector")
    yield _facts(timeline)


def _warnings(timeline: Timeline, worth: str, damage: str) -> Iterable[Block]:
    if not timeline.detector["head_trained"]:
        yield Warnings(["the detector's head did not come from its weights: every score here is noise"], severe=True)
    texts = [worth] if timeline.chosen is None else []
    if damage:
        texts.append(damage)
    if texts:
        yield Warnings(texts)


def _segments(timeline: Timeline) -> Block:
    rows = [
        [
            *(str(number), str(each.track), clock(each.start_us), clock(each.end_us), rounded(each.score, 3)),
            *(clock(each.peak_us), rounded(each.peak_score, 3), f"{each.scored_share:.0%}"),
        ]
        for number, each in enumerate(timeline.segments, 1)
    ]
    return Table(["no.", "face", "from", "to", "mean score", "peak at", "peak score", "scored"], rows)


def _plate(frame: Keyframe, jpeg: bytes) -> Plate:
    kind = "highest score" if frame.kind == "peak" else "same face, low score, to compare"
    lines = [kind, f"at {clock(frame.at_us)}, score {rounded(frame.score, 3)}, face {frame.track}"]
    return Plate(f"stretch {frame.segment}", lines, jpeg)


def _facts(timeline: Timeline) -> Block:
    video, detector, policy = timeline.video, timeline.detector, timeline.policy
    streams = [", ".join(f"{name} {value}" for name, value in stream.items()) for stream in video.streams]
    pairs = [
        ("file", video.file),
        ("SHA-256", video.sha256),
        ("size", f"{video.size_bytes} bytes"),
        ("length", clock(video.duration_us)),
        ("first frame at", clock(video.start_us)),
        *((f"stream {number}", text) for number, text in enumerate(streams)),
        ("shots", str(len(timeline.shots))),
        ("faces followed", str(len(timeline.tracks))),
        ("weights", f"{detector['source']} (SHA-256 {detector['sha256']})"),
        ("head", "trained" if detector["head_trained"] else "untrained"),
        ("threshold", f"{policy.onset:g} (offset {policy.offset:g}), {timeline.policy_source}"),
    ]
    return Table(["what", "value"], [[name, value] for name, value in pairs])


def clock(time_us: int) -> str:
    """Minutes, seconds and hundredths, as players show them; hours where there are any."""
    seconds = time_us / MICROSECONDS
    minutes, rest = divmod(round(seconds * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{rest // 100:02}.{rest % 100:02}"
    return f"{hours}:{minutes:02}:{shown}" if hours else f"{minutes}:{shown}"
