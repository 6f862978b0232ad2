#!/usr/bin/env python3
"""How well and how fast faces are found and followed, measured side by side on made scenes whose faces are known.

    python scripts/bench_faces.py                                        # dlib, boxes only; about 6 minutes on 2 cores
    python scripts/bench_faces.py --yunet MODEL.onnx --landmarks MODEL.dat     # both detectors, with landmarks

side by side   several people of 40 to 400 px in 720p frames who move, cross and turn away: misses by size, false faces,
               jitter of the eyes' centre (second difference, RMS, in percent of the face's width), cost of a frame.
following      a 60-s 720p film of one face at 5 frames a second: cost of following over that of a search in each of
               these frames, and how far the boxes are apart, in percent of the face's width.

The scenes are those of bench_scenes.py. Needs the extras video, faces and demo; models are files of yours.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from bench_scenes import GONE_DEG, Person, crossing, row_of_sizes, scored, speaking, turning

from deepfakebench_ext.faces.align import five_points
from deepfakebench_ext.faces.detect import Face, FaceDetector
from deepfakebench_ext.faces.dlib_detector import DlibDetector
from deepfakebench_ext.faces.follow import FaceFollower
from deepfakebench_ext.faces.smooth import Smoother, TrackedFrame
from deepfakebench_ext.faces.track import TrackedFace, tracks_of
from deepfakebench_ext.faces.yunet_detector import YuNetDetector
from deepfakebench_ext.media.frame import RGB

SECONDS = 60
SAME = 0.5  # a found face is hers within this many widths


def is_hers(face: Face, person: Person) -> bool:
    """Whether a found face is this person's: near her centre and between half and twice her size."""
    x0, y0, x1, y1 = face.bbox_px
    way = math.dist(((x0 + x1) / 2, (y0 + y1) / 2), (person.x, person.y))
    return way < SAME * person.width and 0.5 < (x1 - x0) / person.width < 2


def detected(detector: FaceDetector, frames: Sequence[RGB]) -> tuple[list[list[Face]], float]:
    """The faces of every frame, and milliseconds a frame."""
    start = time.perf_counter()
    faces = [detector.detect(rgb) for rgb in frames]
    return faces, 1000 * (time.perf_counter() - start) / len(frames)


def misses(people: Sequence[Sequence[Person]], faces: Sequence[Sequence[Face]]) -> Iterator[tuple[int, bool]]:
    """Width, to the next 20 px, of everyone who is to be seen, and whether nobody found her."""
    for here, found in zip(people, faces, strict=True):
        for person in here:
            if person.must_be_found and not _is_covered(person, here):
                yield round(person.width / 20) * 20, not any(is_hers(face, person) for face in found)


def _is_covered(person: Person, people: Sequence[Person]) -> bool:
    return any(
        other.width > person.width
        and math.dist((other.x, other.y), (person.x, person.y)) < 0.6 * (other.width + person.width)
        for other in people
    )


def false_faces(people: Sequence[Sequence[Person]], faces: Sequence[Sequence[Face]]) -> float:
    """Found faces a frame that are nobody's, or of someone who shows the back of her head."""
    wrong = [
        sum(not any(is_hers(face, one) and abs(one.turn) < GONE_DEG for one in here) for face in found)
        for here, found in zip(people, faces, strict=True)
    ]
    return statistics.mean(wrong)


def jitter(people: Sequence[Sequence[Person]], faces: Sequence[Sequence[Face]], *, smooth: bool) -> float:
    """RMS of the second difference of what is left of the place of a face, her own motion taken away; % of width."""
    steps = []
    for track in tracks_of(faces):
        places: dict[int, tuple[int, np.ndarray]] = {}
        for index, face in (_smooth(track.faces) if smooth else track.faces).items():
            hers = [(who, one) for who, one in enumerate(people[index]) if is_hers(face, one) and one.must_be_found]
            if len(hers) == 1:
                ((who, one),) = hers
                places[index] = who, (_place(face) - (one.x, one.y)) / one.width
        for at in places:
            three = [places[place] for place in (at - 1, at, at + 1) if place in places]
            if len(three) == 3 and len({who for who, _ in three}) == 1:
                steps.append(three[0][1] - 2 * three[1][1] + three[2][1])
    return 100 * float(np.sqrt((np.array(steps) ** 2).sum(axis=1).mean())) if steps else math.nan


def _smooth(faces: Mapping[int, Face]) -> dict[int, Face]:
    smoother, out = Smoother(), []
    for index, face in sorted(faces.items()):
        out += smoother.add(TrackedFrame(index, [TrackedFace(0, face, is_found=True)]))
    return {frame.index: frame.faces[0].face for frame in out + smoother.finish()}


def _place(face: Face) -> np.ndarray:
    """The eyes' centre; without landmarks, the box's."""
    if face.landmarks_px is not None:
        return np.asarray(five_points(face.landmarks_px)[:2].mean(axis=0))
    x0, y0, x1, y1 = face.bbox_px
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def side_by_side(detectors: dict[str, FaceDetector]) -> None:
    """Print what each detector finds and misses on the three scenes, and what it costs."""
    for plan in (row_of_sizes, crossing, turning):
        people, frames = scored(plan, 16)
        print(f"\n{plan.__name__}: {plan.__doc__} {len(frames)} frames")
        for name, detector in detectors.items():
            faces, cost = detected(detector, frames)
            missed: dict[int, list[bool]] = {}
            for width, is_missed in misses(people, faces):
                missed.setdefault(width, []).append(is_missed)
            shares = ", ".join(f"{width} px {statistics.mean(all_):.0%}" for width, all_ in sorted(missed.items()))
            raw, steady = (jitter(people, faces, smooth=smooth) for smooth in (False, True))
            wrong = false_faces(people, faces)
            print(f"  {name:<12} {cost:4.0f} ms a frame; missed {shares}; false faces {wrong:.2f} a frame; ", end="")
            print(f"jitter {raw:.1f} %, smoothed {steady:.1f} %", flush=True)


def following(detectors: dict[str, FaceDetector]) -> None:
    """Print what following costs and how far it is from searching each frame."""
    people, frames = scored(speaking, SECONDS)
    print(f"\nfollowing: {speaking.__doc__} {len(frames)} frames of a {SECONDS}-s film")
    for name, detector in detectors.items():
        searches = _Counting(detector)
        follower, start = FaceFollower(searches), time.perf_counter()
        followed = [follower.faces(index, rgb) for index, rgb in enumerate(frames)]
        cost = 1000 * (time.perf_counter() - start) / len(frames)
        faces, full = detected(detector, frames)
        tracks = {tracked.track for here in followed for tracked in here}
        print(f"  {name:<12} costs {cost / full:.1%} of searching each frame ({cost:.1f} of {full:.1f} ms), ", end="")
        print(f"{searches.count} searches, {len(tracks)} tracks; boxes apart, in % of the width:")
        found, steady = ([[each.face for each in here] for here in some] for some in (followed, _steady(followed)))
        each_frame = _steady(_tracked(faces))
        _print_apart("as they are", found, faces)
        _print_apart("both smoothed", steady, [[each.face for each in here] for here in each_frame])
        print(f"    off the truth: followed {_off(found, people):.1f}, searched {_off(faces, people):.1f}", flush=True)


def _tracked(faces: Sequence[Sequence[Face]]) -> list[list[TrackedFace]]:
    """The faces of a search in each frame, with their tracks."""
    out: list[list[TrackedFace]] = [[] for _ in faces]
    for track in tracks_of(faces):
        for index, face in track.faces.items():
            out[index].append(TrackedFace(track.number, face, is_found=True))
    return out


def _steady(tracked: Sequence[Sequence[TrackedFace]]) -> list[Sequence[TrackedFace]]:
    """The same, smoothed as faces of a timeline are."""
    smoother = Smoother()
    out = [frame for index, here in enumerate(tracked) for frame in smoother.add(TrackedFrame(index, here))]
    return [frame.faces for frame in out + smoother.finish()]


def _print_apart(how: str, some: Sequence[Sequence[Face]], others: Sequence[Sequence[Face]]) -> None:
    apart = np.array([_apart(*pair) for pair in zip(some, others, strict=True) if all(pair)])
    said = (
        f"{what} median {np.median(values):.1f}, 95th percentile {np.percentile(values, 95):.1f}"
        for what, values in zip(("centre", "width"), 100 * apart.T, strict=True)
    )
    print(f"    {how}: {'; '.join(said)}")


def _apart(some: Sequence[Face], others: Sequence[Face]) -> tuple[float, float]:
    """How far the centres of the largest boxes are apart, and by how much their widths differ, in widths."""
    one, other = (
        np.array(max(faces, key=lambda face: face.bbox_px[2] - face.bbox_px[0]).bbox_px) for faces in (some, others)
    )
    width = other[2] - other[0]
    middle = (one[:2] + one[2:] - other[:2] - other[2:]) / 2
    return float(np.hypot(*middle) / width), float(abs(one[2] - one[0] - width) / width)


def _off(faces: Sequence[Sequence[Face]], people: Sequence[Sequence[Person]]) -> float:
    """How far the centre is from its mean place in the face, median in percent of the width."""
    off = []
    for found, (person,) in zip(faces, people, strict=True):
        for face in found[:1]:
            x0, y0, x1, y1 = face.bbox_px
            off.append((((x0 + x1) / 2 - person.x) / person.width, ((y0 + y1) / 2 - person.y) / person.width))
    return 100 * float(np.median(np.hypot(*(np.array(off) - np.mean(off, axis=0)).T)))


class _Counting:
    """A detector that counts its searches."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector, self.count = detector, 0

    def detect(self, rgb: RGB) -> list[Face]:
        self.count += 1
        return self._detector.detect(rgb)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yunet", type=Path, help="YuNet's face_detection_yunet_2023mar.onnx or a later one")
    parser.add_argument("--landmarks", type=Path, help="dlib's landmark model of 68 or 81 points")
    parser.add_argument("--only", choices=("side_by_side", "following"))
    options = parser.parse_args()
    detectors: dict[str, FaceDetector] = {"dlib": DlibDetector(options.landmarks)}
    detectors["dlib coarse"] = DlibDetector(options.landmarks, search="coarse")
    if options.yunet is not None:
        detectors["yunet"] = YuNetDetector(options.yunet)
    cv2.setNumThreads(1)
    if options.only != "following":
        side_by_side(detectors)
    if options.only != "side_by_side":
        following(detectors)


if __name__ == "__main__":
    main()
