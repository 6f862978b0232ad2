"""Made scenes of people whose faces are known, frame by frame: who is where, how large, and how far turned away.

The face is that of scikit-image's photograph of Eileen Collins (NASA, public domain); all people are she. Who turns
away becomes narrower and then the back of a head.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data

from deepfakebench_ext.media.frame import RGB
from deepfakebench_ext.media.video import frames_at_rate

SIZE = (720, 1280)
FACE_PX, FACE_CENTRE = 91, (220.0, 121.0)  # where dlib sees her in the photograph
HEAD_CENTRE, HEAD_AXES = (222, 108), (62, 84)
FILM_FPS, SCORED_FPS = 25, 5
GONE_DEG, HIDDEN_DEG = 80, 50  # from here on she shows the back of her head; need not be found


@dataclass(frozen=True)
class Person:
    """Where someone's face is: centre, width, turn of the head and tilt of the picture, in pixels and degrees."""

    x: float
    y: float
    width: float
    turn: float = 0.0
    tilt: float = 0.0

    @property
    def must_be_found(self) -> bool:
        """Whether both eyes are to be seen."""
        return abs(self.turn) < HIDDEN_DEG


Plan = Callable[[float], list[Person]]


def row_of_sizes(seconds: float) -> list[Person]:
    """Six people of 40 to 400 px who sway a little."""
    people = []
    for at, (x, width) in enumerate(((70, 40), (160, 60), (280, 90), (440, 140), (660, 220), (1050, 400))):
        sway = 0.06 * width * math.sin(2 * math.pi * seconds / 3 + at)
        people.append(Person(x + sway, 420, width, tilt=4 * math.sin(seconds + at)))
    return people


def crossing(seconds: float) -> list[Person]:
    """Two people who walk past each other, and one who stands."""
    share = seconds % 8 / 8
    return [
        Person(200 + 850 * share, 300, 120),
        Person(1080 - 850 * share, 330, 170),
        Person(640, 560, 100),
    ]


def turning(seconds: float) -> list[Person]:
    """Three people who turn away and back, each at another time."""
    return [
        Person(250 + 380 * at, 340, width, turn=110 * math.sin(2 * math.pi * (seconds / 8 + at / 3)))
        for at, width in enumerate((80, 150, 230))
    ]


def speaking(seconds: float) -> list[Person]:
    """One person who speaks with all of her head."""
    fast, slow = 2 * math.pi * seconds / 0.9, 2 * math.pi * seconds / 3.1
    x = 640 + 165 * (0.5 * math.sin(slow) + 0.1 * math.sin(fast))
    y = 340 + 165 * (0.1 * math.sin(1.3 * slow) + 0.08 * math.cos(fast))
    return [Person(x, y, 165 * (1 + 0.08 * math.sin(0.7 * slow)), tilt=7 * math.sin(1.1 * slow))]


def draw(people: Sequence[Person], wall: RGB) -> RGB:
    """A frame of these people, the larger before the smaller."""
    frame = wall.astype(np.float32)
    for person in sorted(people, key=lambda one: one.width):
        front = abs(person.turn) < GONE_DEG
        _paste(frame, person, _head() if front else _back(), max(0.3, math.cos(math.radians(person.turn))))
    return np.clip(frame, 0, 255).astype(np.uint8)


def _paste(frame: np.ndarray, person: Person, head: np.ndarray, narrower: float) -> None:
    scale = person.width / FACE_PX
    small = min(1.0, scale)
    source = head if small == 1.0 else cv2.resize(head, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
    angle, grow = math.radians(person.tilt), scale / small
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) * grow
    turn = turn @ np.diag([narrower, 1.0])
    shift = np.array([person.x, person.y]) - turn @ (np.array(FACE_CENTRE) * small)
    reach = int(2.2 * person.width)
    left, top = max(0, int(person.x) - reach), max(0, int(person.y) - reach)
    right, bottom = min(SIZE[1], int(person.x) + reach), min(SIZE[0], int(person.y) + reach)
    if right <= left or bottom <= top:
        return
    matrix = np.column_stack([turn, shift - (left, top)])
    patch = cv2.warpAffine(source, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    share = patch[..., 3:] / 255
    frame[top:bottom, left:right] = share * patch[..., :3] + (1 - share) * frame[top:bottom, left:right]


def _head() -> np.ndarray:
    """The photograph with all but her head transparent, float32 (512, 512, 4)."""
    mask = np.zeros((512, 512), np.float32)
    cv2.ellipse(mask, HEAD_CENTRE, HEAD_AXES, 0, 0, 360, 255, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 4)
    return np.dstack([skimage.data.astronaut().astype(np.float32), mask])


def _back() -> np.ndarray:
    """The same outline filled with her hair."""
    head = _head()
    hair = head[40:60, 190:250, :3]
    head[..., :3] = np.tile(hair, (26, 9, 1))[:512, :512]
    return head


def _wall() -> RGB:
    photo = cv2.resize(skimage.data.coffee(), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), 3))


def write_film(path: Path, plan: Plan, seconds: float) -> None:
    """Encode `plan` as H.264 at 25 frames a second."""
    wall = _wall()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FILM_FPS, options={"crf": "23", "preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for index in range(round(seconds * FILM_FPS)):
            frame = av.VideoFrame.from_ndarray(draw(plan(index / FILM_FPS), wall), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def scored(plan: Plan, seconds: float) -> tuple[list[list[Person]], list[RGB]]:
    """The frames of the film that are looked at, as the decoder gives them, and who is where in each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_film(path, plan, seconds)
        frames = list(frames_at_rate(path, SCORED_FPS))
    return [plan(frame.time_s or 0.0) for frame in frames], [frame.rgb for frame in frames]
