#!/usr/bin/env python3
"""The demo behind `make demo`: real pixels in, results out, no network, some three minutes on two cores.

One public-domain photograph gives some thousand augmented views (`demo_pictures.py`). Each view is a real image and,
self-blended (`deepfakebench_ext.faces.self_blend`), a fake one. A small CLIP is trained from scratch on the real images
of one part by `train.py`, which makes fakes of its own of them; on a second part its best epoch is chosen, and the rest
is scored by the evaluator. Then films of the same face are spliced with blends of known start and end, real ones choose
a threshold, and the timelines of the spliced ones are judged. It checks the pipeline, not detectors: one face, one kind
of fake, views that differ less than photographs do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from demo_pictures import JPEG_QUALITY, SIDE_PX, SOURCES, make_dataset, write_film

# A minute that is known to be real: two films did not show how high a real one scores now and then.
KNOWN_FILMS, NEW_FILMS = 6, 3
LEAST_AUC = 0.88  # seeds 0 and 1 gave 0.921 and 0.954
LEAST_IOU = 0.5  # seed 0 gave 0.714

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
    code = _train(out, arguments.seed) or _score(out) or _check_auc(out) or _analyse(out, arguments.seed)
    pictures = (*sorted(out.glob("demo/*.png")), *sorted(out.glob("inference_results/*/*.png")))
    pages = sorted(out.glob("timelines/*fake*/report.html"))
    for path in (out / "demo/best/README.md", out / "inference_results_huggingface.txt", *pictures, *pages):
        print(f"see {path}")
    print(f"{time.monotonic() - started:.0f} s in all. {CLOSING}")
    return code


def _train(out: Path, seed: int) -> int:
    """Train as a user would, inside `out`; a run that was cut off goes on."""
    recipe = {**DETECTOR_CONFIG, "seed": seed, "tuning": TUNING, "training": {**TRAINING, "seed": seed}}
    (out / "demo.yaml").write_text(json.dumps(recipe, indent=2), encoding="utf-8")  # JSON is YAML too
    shutil.rmtree(out / "demo", ignore_errors=True)
    options = "--detector_config demo.yaml --train train --val val --device cpu --output_dir demo"
    return _run(out, "train.py", options.split())


def _score(out: Path) -> int:
    """Run the evaluator as a user would, inside `out`, where its results then lie."""
    shutil.rmtree(out / "inference_results", ignore_errors=True)
    return _run(out, "perf_huggingface.py", ["--weights", "demo/best", "--image", "test"])


def _analyse(out: Path, seed: int) -> int:
    """Choose a threshold on known films, find the blends in others, and judge what was found."""
    for folder in ("films", "spliced", "known", "timelines"):
        shutil.rmtree(out / folder, ignore_errors=True)
    for number in range(KNOWN_FILMS + NEW_FILMS):
        kind = "known" if number < KNOWN_FILMS else "new"
        write_film(out / f"films/{kind}/{kind}_{number}.mp4", 1000 * seed + number)
    detector = "--weights demo/best --face_detector dlib --device cpu"
    if code := (
        _verb(out, f"splice films/new --face_detector dlib --seed {seed}")
        or _verb(out, f"calibrate-timeline films/known {detector} --output_dir known")
    ):
        return code
    (calibration,) = (path.relative_to(out).as_posix() for path in out.glob("known/*/calibration.json"))
    return (
        _verb(out, f"analyze spliced {detector} --threshold_from {calibration} --output_dir timelines")
        or _verb(out, "timeline-metrics timelines --truth spliced/segments.json")
        or _check_iou(out)
    )


def _verb(out: Path, command: str) -> int:
    """Run a verb of `dfb-ext`, and say so."""
    print(f"$ dfb-ext {command}", flush=True)
    return _python(out, ["-m", "deepfakebench_ext", *command.split()])


def _run(out: Path, script: str, options: list[str]) -> int:
    """Run one of the scripts beside this one, and say so."""
    print(f"$ {script} {' '.join(options)}", flush=True)
    return _python(out, [str(Path(__file__).resolve().with_name(script)), *options])


def _python(out: Path, arguments: list[str]) -> int:
    # For a network this small a second thread only waits.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=out, env=environment, check=False).returncode


def _check_auc(out: Path) -> int:
    """Return 1, and say so, where the pipeline lost what the detector learnt."""
    (metrics,) = out.glob("inference_results/*/metrics.json")
    auc = json.loads(metrics.read_text(encoding="utf-8"))["figures"]["frame_auc"]["value"]
    if auc > LEAST_AUC:
        return 0
    print(f"frame_auc {auc} is not above {LEAST_AUC}: something between training and scoring is broken")
    return 1


def _check_iou(out: Path) -> int:
    """Return 1, and say so, where the timelines lost what the detector sees."""
    command = "-m deepfakebench_ext timeline-metrics timelines --truth spliced/segments.json --no_bootstrap --json"
    found = subprocess.run([sys.executable, *command.split()], cwd=out, check=True, capture_output=True, text=True)
    iou = json.loads(found.stdout)["figures"]["union_iou"]["value"]
    if iou > LEAST_IOU:
        return 0
    print(f"union_iou {iou} is not above {LEAST_IOU}: something between scores and segments is broken")
    return 1


if __name__ == "__main__":
    sys.exit(main())
