"""What was seen of a film, apart from any score: its shots, its faces, and what was taken of them. Pure.

All times are whole microseconds, as players count them. It is kept beside the journal of scores, so that a timeline is
made of both at any time, with no model and no decode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from deepfakebench_ext.analysis.timeline import BoxPx
from deepfakebench_ext.metrics.segments.stretches import Stretch, microseconds

FILM_VERSION = 1


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face at one moment that was to be scored.

    Attributes:
        at_us: Presentation time of the frame.
        frame: Number of the frame in a sequential decode.
        box_px: The face.
        unit: Number of the frame's score in the journal; None where clips are scored, or the face was left out.
    """

    at_us: int
    frame: int
    box_px: BoxPx
    unit: int | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of a face that was given to a video detector.

    Attributes:
        start_us: Presentation time of its first frame.
        end_us: When its last frame is over.
        unit: Number of its score in the journal.
    """

    start_us: int
    end_us: int
    unit: int


@dataclass(slots=True)
class Lapse:
    """A stretch in which a face, or the whole film, was not given to the detector.

    Attributes:
        start_us: From when.
        end_us: To when.
        reason: Why.
        track: Of the face; None where there was none.
    """

    start_us: int
    end_us: int
    reason: str
    track: int | None


@dataclass(slots=True)
class Followed:
    """One face in one shot.

    Attributes:
        track: Its number, from 1.
        shot: The shot's, from 1.
        start_us: When it is first there.
        end_us: When it is last there.
        sightings: Rising.
        clips: By their starts; empty where frames are scored.
    """

    track: int
    shot: int
    start_us: int
    end_us: int
    sightings: list[Sighting] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)


@dataclass(slots=True)
class Film:
    """All that was seen of one film.

    Attributes:
        takes: `image` where frames are scored, `video` where clips are.
        start_us: Presentation time of its first frame.
        end_us: When its last frame is over.
        promised_end_us: When it is over by what the file says; later where the rest cannot be decoded.
        frames: How many frames were decoded.
        cuts_us: When each shot but the first begins.
        moments_us: When frames were to be scored, rising.
        tracks: By number.
        lapses: By start.
        damage: What is amiss with the file, as far as it was seen; empty where nothing is.
    """

    takes: str
    start_us: int = 0
    end_us: int = 0
    promised_end_us: int = 0
    frames: int = 0
    cuts_us: list[int] = field(default_factory=list)
    moments_us: list[int] = field(default_factory=list)
    tracks: list[Followed] = field(default_factory=list)
    lapses: list[Lapse] = field(default_factory=list)
    damage: str = ""

    @property
    def duration_us(self) -> int:
        """Length of the film, from 0 to where it says that it ends."""
        return max(self.end_us, self.promised_end_us)

    def shots(self) -> tuple[Stretch, ...]:
        """Where each shot is."""
        edges = [self.start_us, *self.cuts_us, max(self.end_us, self.start_us + 1)]
        return tuple(Stretch(start, end) for start, end in pairwise(edges) if start < end)


def film_json(film: Film) -> dict[str, Any]:
    """The record as JSON values."""
    return {"version": FILM_VERSION, **asdict(film)}


def film_of(values: Mapping[str, Any]) -> Film:
    """The record that `film_json` gave."""
    rest = {name: value for name, value in values.items() if name not in ("version", "tracks", "lapses")}
    return Film(
        **rest,
        tracks=[_followed(each) for each in values["tracks"]],
        lapses=[Lapse(**each) for each in values["lapses"]],
    )


def _followed(values: Mapping[str, Any]) -> Followed:
    sightings = [Sighting(**{**each, "box_px": tuple(each["box_px"])}) for each in values["sightings"]]
    return Followed(**{**values, "sightings": sightings, "clips": [Clip(**each) for each in values["clips"]]})


def frame_times(time_s: float, end_s: float) -> tuple[int, int]:
    """From when to when a frame is shown, at least a microsecond."""
    start = microseconds(time_s)
    return start, max(start + 1, microseconds(end_s))
