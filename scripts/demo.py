#!/usr/bin/env python3
"""The demo behind `make demo`: real pixels in, a results file out, no network, a minute or so on two cores.

One public-domain photograph (scikit-image's astronaut, NASA) gives some thousand augmented views. Each view is a real
image and, self-blended (`deepfakebench_ext.faces.self_blend`), a fake one. A small CLIP is trained from
scratch on the real images of one part by `train.py`, which makes fakes of its own of them; on a second part its best
epoch is chosen, and the rest is scored by the evaluator. It checks the pipeline, not detectors: one face, one kind of
fake, views that differ less than photographs do.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from deepfakebench_ext.faces.self_blend import self_blend

# The data: faces aligned to within a few degrees and pixels, as the face crops of a benchmark are.
SIDE_PX = 64
SOURCES = {"train": 1500, "val": 100, "test": 300}
FACE_HEIGHT = (0.52, 0.6)  # share of the side
TURN_DEG = 5
MOVE = 0.02  # share of the side
JPEG_QUALITY = (85, 98)
LEAST_AUC = 0.9  # seeds 0 and 1 gave 0.961 and 0.954

# The outline of the face in the photograph, xy pixels, read off by eye.
FACE_HULL_PX = np.array(
    [
        *[(181, 112), (183, 135), (192, 155), (210, 170), (228, 178), (244, 176), (256, 165), (266, 145), (269, 120)],
        *[(268, 95), (260, 82), (230, 76), (200, 76), (186, 86)],
    ],
    np.float32,
)

# The detector and its recipe.
DETECTOR_CONFIG: dict[str, Any] = {
    "model_name": "huggingface_clip",
    "architecture": {
        "model_type": "clip_vision_model",
        "image_size": SIDE_PX,
        "patch_size": 16,
        "hidden_size": 96,
        "intermediate_size": 192,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        # So small a network leaves its plateau in half the epochs when it starts with twice CLIP's spread.
        "initializer_factor": 2.0,
    },
    "resolution": SIDE_PX,
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
}
TUNING = {"mode": "full"}
TRAINING: dict[str, Any] = {
    "epochs": 20,
    "batch_size": 32,
    "lr": 1e-3,
    "weight_decay": 0.05,
    "warmup": 0.1,
    "monitor": "auc",
    "self_blend": True,  # fakes made anew each epoch, of the real images and their outlines
    "augmentation": {
        "flip_prob": 0.5,
        "rotate_prob": 0,
        "blur_prob": 0,
        "brightness_prob": 0,
        "quality_prob": 1,
        "quality_lower": JPEG_QUALITY[0],
        "quality_upper": JPEG_QUALITY[1],
    },
}

CLOSING = "This is a check of the pipeline, not of detectors: every image is of one face, from one photograph."

Rgb = npt.NDArray[np.uint8]


def make_dataset(folder: Path, seed: int = 0) -> None:
    """Write `folder/{train,val,test}/frames/{real,fake}/*.jpg` and `folder/sources.csv`, in place of older ones.

    Every source is one augmented view of the photograph. It belongs to one part only and gives one real and one fake
    image, which differ in the blend alone and are compressed alike; the number in the file name is the source's. Beside
    them, where extraction would write landmarks, lies the outline of the face.
    """
    photo = skimage.data.astronaut()
    rows = []
    for part in SOURCES:
        shutil.rmtree(folder / part, ignore_errors=True)
    for part, source in _sources():
        rng = np.random.default_rng([seed, source])
        view, hull_px = augmented_view(photo, rng)
        pair = self_blend(view, hull_px, rng)
        quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
        for kind, rgb in (("real", pair.target), ("fake", pair.fake)):
            path = folder / part / "frames" / kind / f"source_{source:04d}.jpg"
            _write_jpeg(path, rgb, quality)
            _write_outline(folder / part / "landmarks" / kind / f"source_{source:04d}.npy", hull_px)
            rows.append((path.relative_to(folder).as_posix(), kind, part, source, quality))
    with (folder / "sources.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "part", "source", "jpeg_quality"), *rows])


def augmented_view(photo: Rgb, rng: np.random.Generator) -> tuple[Rgb, npt.NDArray[np.float32]]:
    """Return another picture of the face, uint8 (SIDE_PX, SIDE_PX, 3), and the outline of the face in it, (K, 2) xy."""
    matrix = _crop_matrix(rng)
    # Twice the size and then area averaging: shrinking at once would alias.
    large = cv2.warpAffine(photo, 2 * matrix, (2 * SIDE_PX, 2 * SIDE_PX), borderMode=cv2.BORDER_REFLECT_101)
    view = cv2.resize(large, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    hull_px = FACE_HULL_PX @ matrix[:, :2].T + matrix[:, 2]
    return _change_light(view, rng), hull_px.astype(np.float32)


def main() -> int:
    """Make the data, train, score, and say where the results are. Returns the evaluator's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="default: demo_output")
    parser.add_argument("--seed", type=int, default=0, help="of the images, the network and the training")
    arguments = parser.parse_args()
    started = time.monotonic()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    counts = ", ".join(f"{count} for {part}" for part, count in SOURCES.items())
    print(f"making pairs of a real image and a fake in {out}: {counts}", flush=True)
    make_dataset(out, arguments.seed)
    code = _train(out, arguments.seed) or _score(out) or _check_auc(out)
    pictures = (*sorted(out.glob("demo/*.png")), *sorted(out.glob("inference_results/*/*.png")))
    for path in (out / "demo/best/README.md", out / "inference_results_huggingface.txt", *pictures):
        print(f"see {path}")
    print(f"{time.monotonic() - started:.0f} s in all. {CLOSING}")
    return code


def _train(out: Path, seed: int) -> int:
    """Train as a user would, inside `out`; a run that was cut off goes on."""
    recipe = {**DETECTOR_CONFIG, "seed": seed, "tuning": TUNING, "training": {**TRAINING, "seed": seed}}
    (out / "demo.yaml").write_text(json.dumps(recipe, indent=2), encoding="utf-8")  # JSON is YAML too
    shutil.rmtree(out / "demo", ignore_errors=True)
    options = "--detector_config demo.yaml --train train --val val --device cpu --output_dir demo"
    # For batches this small a second thread only waits.
    return _run(out, "train.py", options.split(), OMP_NUM_THREADS="1")


def _score(out: Path) -> int:
    """Run the evaluator as a user would, inside `out`, where its results then lie."""
    shutil.rmtree(out / "inference_results", ignore_errors=True)
    return _run(out, "perf_huggingface.py", ["--weights", "demo/best", "--image", "test"])


def _run(out: Path, script: str, options: list[str], **variables: str) -> int:
    """Run one of the scripts beside this one, and say so."""
    print(f"$ {script} {' '.join(options)}", flush=True)
    path = Path(__file__).resolve().with_name(script)
    environment = {**os.environ, **variables}
    return subprocess.run([sys.executable, str(path), *options], cwd=out, env=environment, check=False).returncode


def _check_auc(out: Path) -> int:
    """Return 1, and say so, where the pipeline lost what the detector learnt."""
    (metrics,) = out.glob("inference_results/*/metrics.json")
    auc = json.loads(metrics.read_text(encoding="utf-8"))["figures"]["frame_auc"]["value"]
    if auc > LEAST_AUC:
        return 0
    print(f"frame_auc {auc} is not above {LEAST_AUC}: something between training and scoring is broken")
    return 1


def _sources() -> Iterator[tuple[str, int]]:
    """Yield (part, source), the sources numbered through all parts."""
    parts = [part for part, count in SOURCES.items() for _ in range(count)]
    for source, part in enumerate(parts):
        yield part, source


def _crop_matrix(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the 2x3 matrix from the photograph to a view: scaled, turned, moved, and mirrored half of the time."""
    top_left, bottom_right = FACE_HULL_PX.min(0), FACE_HULL_PX.max(0)
    scale = rng.uniform(*FACE_HEIGHT) * SIDE_PX / float(bottom_right[1] - top_left[1])
    angle = np.deg2rad(rng.uniform(-TURN_DEG, TURN_DEG))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    middle = SIDE_PX / 2 + rng.uniform(-MOVE, MOVE, 2) * SIDE_PX
    return np.column_stack([turn, middle - turn @ ((top_left + bottom_right) / 2)])


def _change_light(view: Rgb, rng: np.random.Generator) -> Rgb:
    """Change exposure, white balance and noise of a whole view, as another camera would."""
    image = (view / 255.0) ** rng.uniform(0.8, 1.25) * 255.0
    image = image * rng.uniform(0.9, 1.1, 3) + rng.uniform(-12, 12)
    image += rng.normal(0, rng.uniform(0.5, 3), image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _write_jpeg(path: Path, rgb: Rgb, quality: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    path.write_bytes(coded.tobytes())


def _write_outline(path: Path, hull_px: npt.NDArray[np.float32]) -> None:
    """Write what extraction writes beside a crop; here the outline of the face in place of a detector's landmarks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, hull_px)


if __name__ == "__main__":
    sys.exit(main())
