#!/usr/bin/env python3
"""How fast films are analysed, as ratios measured side by side in one run, on CLIP ViT-L/14 with random weights.

    python scripts/bench_analysis.py            # all three, some 20 minutes on 2 cores
    python scripts/bench_analysis.py memory     # one of: whole, faces, memory

whole   60 s of 720p with one face at 5 moments a second, from the first byte to the last file written, against what
        cannot be left out: a loop that decodes it, the searches for faces, and bare forward passes in the same batches.
faces   the time that finding the faces of that film takes, searched now and then and followed between, against a search
        in each scored frame; and how far the boxes are off those of a search, in widths of the face.
memory  peak resident memory over a film of 60 minutes against that over one of 1 minute, and their times, with a tiny
        network and whole frames.

Needs the extras video, faces and demo.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import skimage.data
import torch
from bench_parts import TINY, VIT_L_14, detector, peak_kib, run_named, seconds

from deepfakebench_ext import make_face_reader
from deepfakebench_ext.analysis.analyze import How, analyze
from deepfakebench_ext.analysis.seeing import seen
from deepfakebench_ext.analysis.taking import DEFAULT_FPS, SEARCH_MOMENTS
from deepfakebench_ext.data.preprocess.in_torch import normalise
from deepfakebench_ext.engine.predictor import default_batch_size
from deepfakebench_ext.media.sampling import RateGate
from deepfakebench_ext.media.video import every_frame
from deepfakebench_ext.models.base import Detector

SECONDS, FPS = 60, 25
SEARCH_EVERY = math.floor(SEARCH_MOMENTS * FPS / DEFAULT_FPS)


def write_film(path: Path, seconds: int, size: tuple[int, int]) -> None:
    """A face of about 230 px that drifts over a grey wall; `size` is height and width."""
    head = cv2.resize(skimage.data.astronaut()[:240, 120:320], None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)
    scale = size[0] / 720
    head = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for number in range(seconds * FPS):
            frame = np.full((*size, 3), 110, np.uint8)
            left = round((size[1] - head.shape[1]) / 2 * (1 + 0.5 * math.sin(number / 50)))
            frame[: head.shape[0], left : left + head.shape[1]] = head
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))


def needed(clip: Detector, film: Path, faces: Any) -> None:
    """Decode the film, search as often as must be, and pass as many crops through the network in the same batches."""
    gate, moments = RateGate(DEFAULT_FPS), 0
    for frame in every_frame(film):
        moments += gate.lets_pass(frame.time_s or 0.0)
        if frame.index % SEARCH_EVERY == 0:
            faces.detector.detect(frame.rgb)
    size, parameter = default_batch_size(clip), next(clip.parameters())
    pixels = torch.zeros(size, 3, 224, 224, dtype=torch.uint8)
    with torch.inference_mode():
        for start in range(0, moments, size):
            batch = normalise(pixels[: moments - start].to(parameter.device), clip.preprocess)
            clip({"image": batch}, inference=True)


def whole(folder: Path) -> None:
    """Print the ratio of an analysis to what cannot be left out."""
    clip = detector(VIT_L_14)
    faces = make_face_reader(clip, face_detector="dlib")
    film = folder / "film.mp4"
    write_film(film, SECONDS, (720, 1280))
    bare = seconds(lambda: needed(clip, film, faces))
    took = seconds(lambda: analyze(clip, [film], How(faces=faces, output_dir=folder / "out")))
    print(f"whole: {took:.1f} s, needed {bare:.1f} s: ratio {took / bare:.3f} (wanted at most 1.10)", flush=True)


def faces(folder: Path) -> None:
    """Print what finding faces costs against searching each scored frame, and how far the boxes are off."""
    film = folder / "film.mp4"
    write_film(film, SECONDS, (720, 1280))
    reader = make_face_reader(detector(TINY), face_detector="dlib")
    assert reader is not None
    frames = list(_moments(film))
    searched: dict[int, Any] = {}

    def search() -> None:
        for frame in frames:
            searched[frame.index] = reader.detector.detect(frame.rgb)

    every = seconds(search)
    plain = seconds(lambda: [None for _ in seen(every_frame(film), None, search_every=SEARCH_EVERY)])
    boxes: dict[int, Any] = {}

    def follow() -> None:
        for frame in seen(every_frame(film), reader.detector, search_every=SEARCH_EVERY):
            boxes[frame.frame.index] = list(frame.faces.values())

    followed = seconds(follow) - plain
    off = [
        abs(np.subtract(one.bbox_px, other.bbox_px)).max() / (other.bbox_px[2] - other.bbox_px[0])
        for index, found in searched.items()
        for one, other in zip(boxes[index], found, strict=False)
    ]
    print(
        f"faces: {followed:.1f} s of following against {every:.1f} s of searching each scored frame: "
        f"{followed / every:.2f} (wanted at most 0.40); boxes off by {statistics.median(off):.3f} of the width at the "
        f"median, {np.percentile(off, 95):.3f} at p95 (wanted 0.03)",
        flush=True,
    )


def _moments(film: Path) -> Iterator[Any]:
    gate = RateGate(DEFAULT_FPS)
    return (frame for frame in every_frame(film) if gate.lets_pass(frame.time_s or 0.0))


def memory(folder: Path) -> None:
    """Print peak memory and time over an hour against those over a minute, each in a process of its own."""
    peaks, times = [], []
    for minutes in (1, 60):
        film = folder / f"{minutes}.mp4"
        write_film(film, 60 * minutes, (180, 320))
        took = time.perf_counter()
        command = [sys.executable, __file__, "--peak", str(film), str(folder / str(minutes))]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]) / 1024)
        times.append(time.perf_counter() - took)
    print(
        f"memory: {peaks[0]:.0f} MiB over a minute, {peaks[1]:.0f} over an hour: {peaks[1] - peaks[0]:+.0f} (wanted at "
        f"most +50); {times[0]:.1f} s and {times[1]:.1f} s, the start of the process included",
        flush=True,
    )


def peak(film: Path, out: Path) -> None:
    """Analyse whole frames with a tiny network and print the peak of the process in KiB."""
    analyze(detector(TINY), [film], How(output_dir=out))
    print(peak_kib())


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    if sys.argv[1:2] == ["--peak"]:
        peak(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    run_named({"whole": whole, "faces": faces, "memory": memory})


if __name__ == "__main__":
    main()
