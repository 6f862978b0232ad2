"""Two people of whom the smaller is forged: hidden behind the largest face, and not where every face is scored."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from faces.scenes import GREY, head, scene
from films import film
from PIL import Image
from seers import DARK, LIGHT, dark_seer

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.engine.file_inputs import make_face_reader, make_reader
from deepfakebench_ext.engine.input_options import FaceOptions
from deepfakebench_ext.evaluation.evaluate import evaluate
from deepfakebench_ext.evaluation.outcome import Evaluation
from deepfakebench_ext.evaluation.request import EvaluationRequest
from deepfakebench_ext.faces.crop import FaceCrop, crop_people
from deepfakebench_ext.faces.detect import Face
from deepfakebench_ext.faces.settings import face_settings
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.training.inputs import TrainingInputs

FORGED_X = 270


def two(*, forged: float = DARK) -> np.ndarray:
    """A frame of a larger person at the left, light, and a smaller one at the right."""
    face = head(skimage.data.astronaut())
    left, right = scene(face, (192, 192), 100, (90.0, 96.0), gain=LIGHT), scene(face, (192, 160), 80, gain=forged)
    return np.concatenate([left, right], axis=1)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [two(), two(forged=LIGHT)]


def score(
    detector: Detector, path: Path, folder: Path, *, batch_size: int | None = None, label: Any = 1, **faces: Any
) -> Evaluation:
    reader = make_reader(detector, faces=make_face_reader(detector, face_detector="dlib", **faces), **_few(detector))
    samples = [Sample(path.name, path, label)]
    return evaluate(detector, samples, reader=reader, output_dir=folder, batch_size=batch_size, plots=False)


def _few(detector: Detector) -> dict[str, int]:
    return {"num_frames": 2} if detector.takes == "image" else {"num_clips": 1}


def rows(result: Evaluation) -> list[dict[str, str]]:
    with (result.folder / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def middle(row: dict[str, str]) -> float:
    return (float(row["face_x0"]) + float(row["face_x1"])) / 2


def test_a_forged_second_face_of_an_image_decides_where_every_face_is_scored(frames: Any, tmp_path: Path) -> None:
    detector, path = dark_seer(tmp_path), tmp_path / "two.png"
    cv2.imwrite(str(path), frames[0][..., ::-1])
    (hidden,) = rows(score(detector, path, tmp_path / "largest"))
    result = score(detector, path, tmp_path / "all", batch_size=1, face="all")
    (seen,) = rows(result)
    assert float(hidden["score"]) < 0.1 and middle(hidden) < 192
    assert float(seen["score"]) > 0.9 and middle(seen) > 192
    assert hidden["num_faces"] == seen["num_faces"] == "2"
    recorded = json.loads((result.folder / "run.json").read_text())["faces"]
    assert (recorded["face"], recorded["face_rule"]) == ("all", "highest score")
    (notice,) = [each for each in result.notices if each.kind == "every_face"]
    assert "each face of a frame is scored, and the highest score counts" in notice.text
    assert notice.text in (result.folder / "inference_results_huggingface.txt").read_text()
    assert notice.text in (result.folder / "metrics.json").read_text()
    assert result.protocol is not None and "face all" in result.protocol.crops


def test_frames_of_a_film_each_have_their_highest_face_and_come_so_from_the_cache(frames: Any, tmp_path: Path) -> None:
    detector, path, cache = dark_seer(tmp_path), tmp_path / "two.mp4", tmp_path / "cache"
    film(path, [frames[0], frames[1]])
    cold, warm = (score(detector, path, tmp_path / name, face="all", crop_cache=cache) for name in ("cold", "warm"))
    assert [float(row["score"]) > 0.5 for row in rows(cold)] == [True, False]
    assert (cold.folder / "scores.csv").read_bytes() == (warm.folder / "scores.csv").read_bytes()
    largest = score(detector, path, tmp_path / "largest", crop_cache=cache)
    assert [float(row["score"]) > 0.5 for row in rows(largest)] == [False, False]
    assert len(list(cache.rglob("*.crops"))) == 2
    (crowd,), (said,) = (
        [each.text for each in result.notices if each.kind == "several_people"] for result in (cold, largest)
    )
    assert "largest" not in crowd and "the largest face is scored" in said


def test_each_followed_person_gives_a_clip_and_the_highest_counts(frames: Any, tmp_path: Path) -> None:
    detector, path = dark_seer(tmp_path, "video"), tmp_path / "two.mp4"
    film(path, [frames[0]] * detector.clip_len)
    (hidden,) = rows(score(detector, path, tmp_path / "largest"))
    result = score(detector, path, tmp_path / "all", face="all")
    (seen,) = rows(result)
    assert float(hidden["score"]) < 0.1 and middle(hidden) < 192
    assert float(seen["score"]) > 0.9 and middle(seen) > 192
    assert any("each person of a clip is scored" in str(notice) for notice in result.notices)


def shown(result: Evaluation) -> float:
    """The mean of the only picture of a sample on the run's page, 0 to 1."""
    page = (result.folder / "report.html").read_text()
    (data,) = re.findall(r'data:image/jpeg;base64,([^"]+)"', page)
    return float(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).mean()) / 255


@pytest.mark.parametrize("takes", ["image", "video"])
def test_the_report_shows_the_face_that_was_scored(frames: Any, tmp_path: Path, takes: Any) -> None:
    detector, path = dark_seer(tmp_path, takes), tmp_path / "two.mp4"
    film(path, [frames[0]] * (detector.clip_len if takes == "video" else 2))
    largest = score(detector, path, tmp_path / "largest", label=1)
    every = score(detector, path, tmp_path / "all", face="all", label=0)
    left, right = frames[0][40:150, 40:140].mean() / 255, frames[0][40:150, FORGED_X - 50 : FORGED_X + 50].mean() / 255
    assert abs(shown(largest) - left) < 0.08 < abs(shown(largest) - right)
    assert abs(shown(every) - right) < 0.08 < abs(shown(every) - left)
    assert "shown: frame 0, highest of its" in (every.folder / "report.html").read_text()


class Listed:
    """A face detector that says what it is told, frame by frame."""

    def __init__(self, *found: list[Face]) -> None:
        self._found = iter(found)

    def detect(self, rgb: np.ndarray) -> list[Face]:
        return next(self._found)


def at(x: float, side: float = 40) -> Face:
    return Face((x, 20, x + side, 20 + side), None, 1.0)


@pytest.mark.parametrize("no_face", ["skip", "full_frame"])
def test_who_passes_by_is_no_clip_of_its_own_and_no_whole_frame(no_face: Any) -> None:
    settings = face_settings("dlib", (32, 32), no_face=no_face, per="clip", face="all")
    passing = [[at(10)], [at(10), at(120, 30)], [at(10)], [at(10)]]
    frame = np.full((100, 200, 3), GREY, np.uint8)
    (person,) = crop_people([frame] * 4, Listed(*passing), settings)
    assert [each.face.bbox_px[0] for each in person if isinstance(each, FaceCrop) and each.face] == [10.0] * 4
    both = crop_people([frame] * 4, Listed(*[[at(120, 30), at(10)]] * 4), settings)
    assert [crops[0].face.bbox_px[0] for crops in both if isinstance(crops[0], FaceCrop) and crops[0].face] == [10, 120]
    (nobody,) = crop_people([frame], Listed([]), settings)
    assert isinstance(nobody[0], FaceCrop) == (no_face == "full_frame")


def test_options_that_contradict_every_face_are_refused(tmp_path: Path) -> None:
    image, video = dark_seer(tmp_path), dark_seer(tmp_path, "video")
    with pytest.raises(ConfigError, match="--face means nothing here: without --face_detector"):
        FaceOptions(face="all").reader(image)
    with pytest.raises(ConfigError, match="leave --crop out"):
        FaceOptions(face="all", face_detector="dlib", crop="frame").reader(video)
    with pytest.raises(ConfigError, match="--face 'both' is not allowed; give largest, all"):
        FaceOptions(face="both", face_detector="dlib").reader(image)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="--face means nothing with --test_dataset"):
        EvaluationRequest(test_dataset=("UADFV",), faces=FaceOptions(face="all"))
    with pytest.raises(ConfigError, match="leave --face all out"):
        TrainingInputs([], [], {}, FaceOptions(face="all", face_detector="dlib")).validation_reader(
            image, _training_config()
        )


def _training_config() -> Any:
    from deepfakebench_ext.training.config import TrainingConfig

    return TrainingConfig()
