"""Films with manipulated stretches whose start and end are known: self-blended faces in films that are real.

Each film is written twice, both coded alike: as it is, and with stretches in which one face is a blend of two views of
itself (`faces.self_blend`). Outside them the two are the same but for what the coding spreads. Stretches lie at the
start and at the end of the film, around a cut, inside a shot, and last from 0.2 to 5 s; of several people one is faked
and the others are not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from deepfakebench_ext.analysis.film import frame_times
from deepfakebench_ext.analysis.seeing import seen
from deepfakebench_ext.common.atomic_files import atomic_writer, making
from deepfakebench_ext.common.digests import sha256_of
from deepfakebench_ext.common.errors import ConfigError, MediaError
from deepfakebench_ext.common.numbers import check_count, check_seed
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.faces.detect import Face, FaceDetector
from deepfakebench_ext.faces.self_blend import self_blend
from deepfakebench_ext.faces.track import SEARCH_EVERY
from deepfakebench_ext.media.film_writer import FilmWriter
from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.video import every_frame
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, Stretch

TRUTH = "segments.json"
SHORTEST_S, LONGEST_S = 0.2, 5.0
APART_S = 0.5
"""Real film between two stretches of one film."""
MARGIN = 0.75
"""Of the face's size, on each side, that the blend may reach into."""
Place = Literal["start", "cut", "end", "inside"]
PLACES: tuple[Place, ...] = ("start", "cut", "end", "inside")
Hull = npt.NDArray[np.float32]


@dataclass(slots=True)
class Presence:
    """One face of a film: where its outline is, by frame.

    Attributes:
        shot: Number of its shot.
        hulls: (K, 2) xy by the number of the frame.
    """

    shot: int
    hulls: dict[int, Hull] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """What a film has: the time of each frame, and its faces by track."""

    times_us: list[tuple[int, int]] = field(default_factory=list)
    faces: dict[int, Presence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fake:
    """One manipulated stretch.

    Attributes:
        first: Its first frame.
        last: The frame after its last.
        tracks: The face, in each shot that the stretch is in.
        place: Where in the film it lies.
        seed: Of the blend; the same in all frames, so that it does not flicker.
    """

    first: int
    last: int
    tracks: tuple[int, ...]
    place: Place
    seed: int


def splice(
    films: Sequence[Sample], folder: Path, detector: FaceDetector, *, per_film: int = 2, seed: int = 0, crf: int = 20
) -> tuple[Path, list[str]]:
    """Write `real/` and `fake/` films and the truth of all of them.

    Args:
        films: Real ones.
        folder: Where the set goes.
        detector: What finds faces.
        per_film: Stretches of each film, at most: as many as there is room for.
        seed: The same seed and films give the same set.
        crf: Quality of the coding, of real and fake films alike.

    Returns:
        The truth, for `timeline-metrics --truth`, and why films were left out.

    Raises:
        ConfigError: A number out of range, other films where the set goes, or no film could be used.
        OutputError: The set cannot be written.
    """
    check_count("--per_video", per_film)
    check_count("--crf", crf, least=0, most=51)
    check_seed("--seed", seed)
    names = [f"{number:04}_{film.path.stem}.mp4" for number, film in enumerate(films)]
    for kind in ("real", "fake"):  # whoever analyses the set would find films that the truth does not list
        if others := sorted({path.name for path in (folder / kind).glob("*")} - set(names)):
            raise ConfigError(f"{folder / kind} holds {others[0]}, which is not of this set; give another --output_dir")
    with making(folder):
        for kind in ("real", "fake"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    refused = []
    for number, (film, name) in enumerate(zip(films, names, strict=True)):
        rng = np.random.default_rng([seed, number])
        try:
            found = look_at(film.path, detector)
            fakes = planned(found, per_film, rng, first=PLACES[number % len(PLACES)])
            if not fakes:
                refused.append(f"{film.path}: no face is in sight for {SHORTEST_S:g} s")
                continue
            rows.extend(_written(film.path, name, folder, found, fakes, crf))
        except MediaError as error:
            refused.append(str(error))
    if not rows:
        raise ConfigError("none of the videos could be used: " + "; ".join(refused))
    path = folder / TRUTH
    with atomic_writer(path) as file:
        file.write(json.dumps({"videos": rows}, indent=1, ensure_ascii=False) + "\n")
    return path, refused


def look_at(path: Path, detector: FaceDetector) -> Seen:
    """Follow the faces of a film.

    Raises:
        MediaError: It cannot be read.
    """
    found = Seen()
    for frame in seen(every_frame(path), detector, search_every=SEARCH_EVERY):
        found.times_us.append(frame_times(frame.frame.time_s or 0.0, frame.frame.end_s or 0.0))
        for track, face in frame.faces.items():
            found.faces.setdefault(track, Presence(frame.shot)).hulls[frame.frame.index] = hull_of(face)
    return found


def hull_of(face: Face) -> Hull:
    """Outline of a face: its landmarks where it has the whole face's, else an ellipse in its box."""
    if face.landmarks_px is not None and len(face.landmarks_px) > 5:
        return np.asarray(face.landmarks_px, np.float32)
    x0, y0, x1, y1 = face.bbox_px
    turn = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    middle, half = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), np.array([x1 - x0, y1 - y0]) * (0.42, 0.5)
    return np.asarray(middle + half * np.stack([np.cos(turn), np.sin(turn)], axis=1), np.float32)


def planned(found: Seen, count: int, rng: np.random.Generator, *, first: Place) -> list[Fake]:
    """Stretches of one film, by start: the first at a named place if there is one, the others at the next places."""
    fakes: list[Fake] = []
    at = PLACES.index(first)
    for number in range(4 * count):
        if len(fakes) == count:
            break
        fake = _placed(found, PLACES[(at + number) % len(PLACES)], rng)
        if fake is not None and not any(_near(found, fake, other) for other in fakes):
            fakes.append(fake)
    return sorted(fakes, key=lambda fake: fake.first)


def _placed(found: Seen, place: Place, rng: np.random.Generator) -> Fake | None:
    """A stretch at a place, as long as drawn or as the face is in sight; None where it cannot be."""
    wanted_us = MICROSECONDS * math.exp(rng.uniform(math.log(SHORTEST_S), math.log(LONGEST_S)))
    tracks, frames = _room(found, place, rng)
    if not frames:
        return None
    if place == "start":
        first, last = frames[0], _until(found, frames[0], frames, wanted_us)
    elif place == "end":
        first, last = _since(found, frames, wanted_us), frames[-1] + 1
    elif place == "cut":
        cut = max(min(presence) for presence in (found.faces[track].hulls for track in tracks))
        before = [frame for frame in frames if frame < cut]
        first = _since(found, before, wanted_us / 2)
        last = _until(found, cut, [frame for frame in frames if frame >= cut], wanted_us / 2)
    else:
        length = found.times_us[frames[-1]][1] - found.times_us[frames[0]][0]
        begin = found.times_us[frames[0]][0] + rng.uniform(0, max(0.0, length - wanted_us))
        first = next(frame for frame in frames if found.times_us[frame][1] > begin)
        last = _until(found, first, frames, wanted_us)
    lasts = found.times_us[last - 1][1] - found.times_us[first][0]
    return Fake(first, last, tracks, place, int(rng.integers(2**31))) if lasts >= SHORTEST_S * MICROSECONDS else None


def _room(found: Seen, place: Place, rng: np.random.Generator) -> tuple[tuple[int, ...], list[int]]:
    """The face, or the two that meet at a cut, and the frames without a gap in which they are."""
    ends = {"start": 0, "end": len(found.times_us) - 1}
    if place == "cut":
        pairs = [
            (one, other)
            for one, before in found.faces.items()
            for other, after in found.faces.items()
            if before.shot + 1 == after.shot and max(before.hulls) + 1 == min(after.hulls)
        ]
        if not pairs:
            return (), []
        one, other = pairs[int(rng.integers(len(pairs)))]
        return (one, other), [*_run(found.faces[one], from_end=True), *_run(found.faces[other], from_end=False)]
    tracks = [track for track, face in found.faces.items() if place == "inside" or ends[place] in face.hulls]
    if not tracks:
        return (), []
    track = tracks[int(rng.integers(len(tracks)))]
    return (track,), _run(found.faces[track], from_end=place == "end")


def _run(face: Presence, *, from_end: bool) -> list[int]:
    """The first frames of a face without a gap, or the last."""
    frames = sorted(face.hulls)
    gaps = [at for at in range(1, len(frames)) if frames[at] != frames[at - 1] + 1]
    if not gaps:
        return frames
    return frames[gaps[-1] :] if from_end else frames[: gaps[0]]


def _until(found: Seen, first: int, frames: Sequence[int], wanted_us: float) -> int:
    end = found.times_us[first][0] + wanted_us
    return max(frame for frame in frames if frame == first or (frame > first and found.times_us[frame][0] < end)) + 1


def _since(found: Seen, frames: Sequence[int], wanted_us: float) -> int:
    begin = found.times_us[frames[-1]][1] - wanted_us
    return min(frame for frame in frames if frame == frames[-1] or found.times_us[frame][1] > begin)


def _near(found: Seen, one: Fake, other: Fake) -> bool:
    apart = round(APART_S * MICROSECONDS)
    a, b = (_stretch(found, fake) for fake in (one, other))
    return a.start_us < b.end_us + apart and b.start_us < a.end_us + apart


def _stretch(found: Seen, fake: Fake) -> Stretch:
    """From when its first frame is shown to when the frame after its last is, or the film is over."""
    after = found.times_us[fake.last][0] if fake.last < len(found.times_us) else found.times_us[-1][1]
    return Stretch(found.times_us[fake.first][0], after)


def _written(
    path: Path, name: str, folder: Path, found: Seen, fakes: Sequence[Fake], crf: int
) -> Iterator[dict[str, Any]]:
    real, fake = folder / "real" / name, folder / "fake" / name
    with FilmWriter(real, crf=crf) as plain, FilmWriter(fake, crf=crf) as spliced:
        for frame in every_frame(path):
            plain.add(frame.rgb, frame.time_s or 0.0)
            spliced.add(blended(frame.rgb, frame.index, found.faces, fakes), frame.time_s or 0.0)
    duration = found.times_us[-1][1] / MICROSECONDS
    for kind, file, stretches in (("real", real, ()), ("fake", fake, fakes)):
        yield {
            "file": f"{kind}/{name}",
            "sha256": sha256_of(file),
            "duration_s": duration,
            "segments": [_row(found, each) for each in stretches],
        }


def _row(found: Seen, fake: Fake) -> dict[str, Any]:
    stretch = _stretch(found, fake)
    hull = found.faces[fake.tracks[0]].hulls[fake.first]
    box = [*np.min(hull, axis=0).tolist(), *np.max(hull, axis=0).tolist()]
    return {"start_s": stretch.start_s, "end_s": stretch.end_s, "place": fake.place, "face_px": box}


def blended(rgb: RGB, index: int, faces: Mapping[int, Presence], fakes: Sequence[Fake]) -> RGB:
    """The frame, with the blends of the stretches that it is in; itself where it is in none."""
    for fake in fakes:
        if not fake.first <= index < fake.last:
            continue
        for track in fake.tracks:
            if (hull := faces[track].hulls.get(index)) is not None:
                rgb = blend_face(rgb, hull, fake.seed)
    return rgb


def blend_face(rgb: RGB, hull: Hull, seed: int) -> RGB:
    """The frame with one face blended, in a window around it; the same seed blends alike."""
    low, high = hull.min(axis=0), hull.max(axis=0)
    margin = MARGIN * (high - low)
    left, top = np.maximum(np.floor(low - margin), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(high + margin), rgb.shape[1::-1]).astype(int).tolist()
    window = np.ascontiguousarray(rgb[top:bottom, left:right])
    try:
        pair = self_blend(window, hull - (left, top), np.random.default_rng(seed), target_share=0.0)
    except ValueError as error:
        raise MediaError(f"a face cannot be blended: {error}") from error
    spliced: RGB = np.array(rgb)
    spliced[top:bottom, left:right] = pair.fake
    return spliced
