#!/usr/bin/env python3
"""The demo behind `make demo`: real pixels in, a results file out, no network, a minute or so on two cores.

One public-domain photograph (scikit-image's astronaut, NASA) gives some thousand augmented views. Each view is a real
image and, self-blended (`deepfakebench_ext.data.self_blend`), a fake one. A small CLIP is trained from scratch on one
part of the views and scored on the rest by the evaluator. It checks the pipeline, not detectors: one face, one kind of
fake, views that differ less than photographs do.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from deepfakebench_ext.data.self_blend import self_blend

if TYPE_CHECKING:
    import torch

    from deepfakebench_ext.models.base import Detector

# The data: faces aligned to within a few degrees and pixels, as the face crops of a benchmark are.
SIDE_PX = 64
SOURCES = {"train": 1500, "test": 300}
FACE_HEIGHT = (0.52, 0.6)  # share of the side
TURN_DEG = 5
MOVE = 0.02  # share of the side
JPEG_QUALITY = (85, 98)
LEAST_AUC = 0.9  # four seeds gave 0.959 to 0.970

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
EPOCHS = 20
BATCH_SIZE = 32
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.05
WARMUP = 0.1

CLOSING = "This is a check of the pipeline, not of detectors: every image is of one face, from one photograph."

Rgb = npt.NDArray[np.uint8]


def make_dataset(folder: Path, seed: int = 0) -> None:
    """Write `folder/{train,test}/{real,fake}/*.jpg` and `folder/sources.csv`; what was there of these is replaced.

    Every source is one augmented view of the photograph. It belongs to one half only and gives one real and one fake
    image, which differ in the blend alone and are compressed alike; the number in the file name is the source's.
    """
    photo = skimage.data.astronaut()
    rows = []
    for half in SOURCES:
        shutil.rmtree(folder / half, ignore_errors=True)
    for half, source in _sources():
        rng = np.random.default_rng([seed, source])
        view, hull_px = augmented_view(photo, rng)
        pair = self_blend(view, hull_px, rng)
        quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
        for kind, rgb in (("real", pair.target), ("fake", pair.fake)):
            path = folder / half / kind / f"source_{source:04d}.jpg"
            _write_jpeg(path, rgb, quality)
            rows.append((path.relative_to(folder).as_posix(), kind, half, source, quality))
    with (folder / "sources.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "half", "source", "jpeg_quality"), *rows])


def augmented_view(photo: Rgb, rng: np.random.Generator) -> tuple[Rgb, npt.NDArray[np.float32]]:
    """Return another picture of the face, uint8 (SIDE_PX, SIDE_PX, 3), and the outline of the face in it, (K, 2) xy."""
    matrix = _crop_matrix(rng)
    # Twice the size and then area averaging: shrinking at once would alias.
    large = cv2.warpAffine(photo, 2 * matrix, (2 * SIDE_PX, 2 * SIDE_PX), borderMode=cv2.BORDER_REFLECT_101)
    view = cv2.resize(large, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    hull_px = FACE_HULL_PX @ matrix[:, :2].T + matrix[:, 2]
    return _change_light(view, rng), hull_px.astype(np.float32)


def train(detector: Detector, folder: Path, seed: int = 0) -> None:
    """Train on `folder`, which holds `real/` and `fake/` with files of the same names, the two halves of a pair."""
    from deepfakebench_ext.data.preprocess import normalise
    from deepfakebench_ext.engine.training import TensorBatches, fit

    images, labels = _read_pairs(detector, folder)
    fit(
        detector,
        TensorBatches(images, labels, batch_size=BATCH_SIZE, group=2, seed=seed),
        lambda pixels: normalise(pixels, detector.preprocess),
        epochs=EPOCHS,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        warmup=WARMUP,
        seed=seed,
        on_epoch=lambda epoch, loss: print(f"epoch {epoch + 1:2d} of {EPOCHS}: loss {loss:.3f}", flush=True),
    )


def main() -> int:
    """Make the data, train, score, and say where the results are. Returns the evaluator's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="default: demo_output")
    parser.add_argument("--seed", type=int, default=0, help="of the images, the network and the training")
    arguments = parser.parse_args()
    started = time.monotonic()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    print(f"making {SOURCES['train']} pairs to train on and {SOURCES['test']} to score in {out}", flush=True)
    make_dataset(out, arguments.seed)
    _train_and_save(out, arguments.seed)
    code = _score(out) or _check_auc(out)
    for path in (out / "inference_results_huggingface.txt", *sorted(out.glob("inference_results/*/*.png"))):
        print(f"see {path}")
    print(f"{time.monotonic() - started:.0f} s in all. {CLOSING}")
    return code


def _train_and_save(out: Path, seed: int) -> None:
    import torch

    from deepfakebench_ext.config import load_config
    from deepfakebench_ext.host.registry import DETECTOR

    torch.set_num_threads(1)  # for batches this small a second thread only waits
    # JSON is YAML too.
    (out / "demo.yaml").write_text(json.dumps({**DETECTOR_CONFIG, "seed": seed}, indent=2), encoding="utf-8")
    detector: Detector = DETECTOR["huggingface_clip"](load_config(out / "demo.yaml"))
    train(detector, out / "train", seed)
    torch.save(detector.state_dict(), out / "demo.pth")


def _score(out: Path) -> int:
    """Run the evaluator as a user would, inside `out`, where its results then lie."""
    script = Path(__file__).resolve().with_name("perf_huggingface.py")
    options = ["--detector_config", "demo.yaml", "--weights", "demo.pth", "--image", "test"]
    shutil.rmtree(out / "inference_results", ignore_errors=True)
    print("$ perf_huggingface.py " + " ".join(options), flush=True)
    return subprocess.run([sys.executable, str(script), *options], cwd=out, check=False).returncode


def _check_auc(out: Path) -> int:
    """Return 1, and say so, where the pipeline lost what the detector learnt."""
    (metrics,) = out.glob("inference_results/*/metrics.json")
    auc = json.loads(metrics.read_text(encoding="utf-8"))["figures"]["frame_auc"]["value"]
    if auc > LEAST_AUC:
        return 0
    print(f"frame_auc {auc} is not above {LEAST_AUC}: something between training and scoring is broken")
    return 1


def _sources() -> Iterator[tuple[str, int]]:
    """Yield (half, source), the sources numbered through both halves."""
    halves = [half for half, count in SOURCES.items() for _ in range(count)]
    for source, half in enumerate(halves):
        yield half, source


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


def _read_pairs(detector: Detector, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images uint8 (N, 3, H, W) and labels int64 (N,), read as the evaluator reads: real, its fake, real, ..."""
    import torch

    from deepfakebench_ext.data.reading import Reader
    from deepfakebench_ext.data.samples import collect_samples

    samples = sorted(collect_samples(folder, kind="image"), key=lambda sample: (sample.path.name, sample.label))
    reader = Reader(detector.preprocess)
    images = [unit.pixels for sample in samples for unit in reader.units(sample) if unit.pixels is not None]
    return torch.stack(images), torch.tensor([sample.label for sample in samples])


if __name__ == "__main__":
    sys.exit(main())
