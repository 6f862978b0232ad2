#!/usr/bin/env python3
"""How fast videos and faces are, as ratios measured side by side in one run.

    python scripts/bench_media.py            # all, about 40 minutes on 2 cores, 7 GB of memory
    python scripts/bench_media.py decode     # one of: faces, openvino, int8, decode, long, cache, memory

faces   photographs of 1024x768 with a face through CLIP ViT-L/14, against the older tool's way: two detections an
        image, one core for them, float32, one image at a time. Full and coarse search.
openvino, int8
        the same with the network exported to OpenVINO, in bfloat16 where the CPU has it, and in int8 behind the gate.
decode  32 frames of 600 of a 720p H.264 video with a keyframe every 250, against one sequential PyAV loop that decodes
        to the last of these frames and converts the same 32.
long    32 frames of a 720p H.264 film of 60 minutes, a keyframe every 250, against one sequential PyAV loop over it.
cache   a second detector over the same photographs with a warm crop cache, against the same detector over crops that
        lie ready as files of the network's size.
memory  peak resident memory over a video of 60 minutes, one frame a second, against that over one of 1 minute.

Where others use the machine, CPU time says more than the clock. Needs the extras video, faces and demo, and export for
openvino and int8.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import dlib
import numpy as np
import skimage.data
import torch
from bench_export import CASES, exported
from bench_parts import MEAN, STD, TINY, VIT_L_14, both_seconds, detector, peak_kib, run_named, seconds
from PIL import Image

from deepfakebench_ext import evaluate, gather_samples
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.engine.file_inputs import make_face_reader, make_reader
from deepfakebench_ext.media.sampled import sampled
from deepfakebench_ext.media.sampling import uniform_indices
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.runtimes.exported import ExportedDetector

ROUNDS = 5
PHOTOS, OLDER_PHOTOS = 32, 4


def photographs(folder: Path) -> list[Sample]:
    """JPEGs of 1024x768 that show the astronaut's face at about 200 px, each shifted and lit otherwise."""
    rng = np.random.default_rng(0)
    large = cv2.resize(skimage.data.astronaut(), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    for index in range(PHOTOS):
        rgb = np.roll(large, (int(rng.integers(-20, 20)), int(rng.integers(-150, 150))), axis=(0, 1))[:768]
        path = folder / ("real" if index % 2 else "fake") / f"{index:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(rgb * rng.uniform(0.9, 1.1), 0, 255).astype(np.uint8)).save(path, quality=92)
    return gather_samples(folder)


def score(model: Detector | ExportedDetector, samples: list[Sample], reading: dict[str, Any], **faces: Any) -> None:
    """Score as the command does, results and all."""
    with tempfile.TemporaryDirectory() as folder:
        reader = make_reader(model, **reading, faces=make_face_reader(model, **faces))
        evaluate(model, samples, reader=reader, output_dir=folder, plots=False)


def older_tool(model: Detector, samples: list[Sample]) -> Callable[[], object]:
    """Two detections an image, cut around the box, to a tensor, to PIL and through the processor, float32."""
    from transformers import CLIPImageProcessor

    processor = CLIPImageProcessor(image_mean=MEAN, image_std=STD)
    find = dlib.get_frontal_face_detector()

    def run() -> None:
        for sample in samples:
            rgb = cv2.cvtColor(cv2.imread(str(sample.path)), cv2.COLOR_BGR2RGB)
            box = max(find(rgb, 1), key=lambda rect: rect.width() * rect.height())
            crop = cv2.resize(rgb[max(0, box.top()) : box.bottom(), max(0, box.left()) : box.right()], (224, 224))
            find(crop, 1)
            tensor = torch.from_numpy(crop).permute(2, 0, 1) / 255
            image = Image.fromarray((tensor.permute(1, 2, 0).numpy() * 255).astype(np.uint8))
            with torch.no_grad():
                model({"image": processor(images=image, return_tensors="pt")["pixel_values"]})

    return run


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object], share: float = 1.0) -> None:
    """Time both in turn and print the median of `theirs / ours`, theirs having done `share` of the work of ours."""
    pairs = [(seconds(theirs) / share, *both_seconds(ours)) for _ in range(ROUNDS)]
    ratios = [t / o for t, o, _ in pairs]
    theirs_s, ours_s, computed_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{name}: {statistics.median(ratios):.3f}  (evaluator {ours_s:.2f} s, in CPU time {computed_s:.2f} s, "
        f"the other {theirs_s:.2f} s; ratios {', '.join(f'{ratio:.3f}' for ratio in ratios)})",
        flush=True,
    )


def faces(folder: Path) -> None:
    """Print how many times faster photographs with faces are than the older way, with either search."""
    _faces(folder, "faces   ", detector(VIT_L_14, "auto"))


def openvino(folder: Path) -> None:
    """Print the same of the network in OpenVINO."""
    _faces(folder, "openvino", exported(CASES["openvino"], folder / "network", is_tiny=False))


def int8(folder: Path) -> None:
    """Print the same of the network in int8."""
    _faces(folder, "int8    ", exported(CASES["int8"], folder / "network", is_tiny=False))


def _faces(folder: Path, what: str, model: Detector | ExportedDetector) -> None:
    samples = photographs(folder / "photographs")
    few = samples[:: PHOTOS // OLDER_PHOTOS]
    older = older_tool(detector(VIT_L_14, "float32"), few)
    older()
    for search in ("full", "coarse"):
        ours: dict[str, Any] = {"face_detector": "dlib", "face_search": search}
        name = f"{what} {search} search, speed of the evaluator / speed of the older way"
        compare(name, lambda ours=ours: score(model, samples, {}, **ours), older, len(few) / len(samples))


def film(path: Path, num_frames: int, size: tuple[int, int], gop: int, fps: int) -> None:
    """Write an H.264 video with motion in it."""
    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8), size, interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        options = {"g": str(gop), "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.thread_type = "FRAME"  # PyAV's own choice cuts each frame into slices, as few encoders do
        for index in range(num_frames):
            picture = av.VideoFrame.from_ndarray(np.roll(wall, 3 * index, axis=1), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def repeat(minute: Path, path: Path, times: int) -> None:
    """Copy a film's packets so many times behind one another, as a longer film."""
    with av.open(str(path), "w") as longer:
        stream = None
        for number in range(times):
            with av.open(str(minute)) as source:
                packets = [packet for packet in source.demux(video=0) if packet.size]
                stream = stream or longer.add_stream_from_template(source.streams.video[0])
                lasts = sum(packet.duration or 0 for packet in packets)
                for packet in packets:
                    packet.pts, packet.dts = (packet.pts or 0) + number * lasts, (packet.dts or 0) + number * lasts
                    packet.stream = stream
                    longer.mux(packet)


def decode(folder: Path) -> None:
    """Print our time for 32 frames of a video over that of one sequential loop."""
    film(folder / "film.mp4", 600, (1280, 720), 250, 25)
    _against_a_loop("decode", folder / "film.mp4", 600, 3 * ROUNDS)


def long(folder: Path) -> None:
    """Print the same of a film of an hour."""
    film(folder / "minute.mp4", 60 * 25, (1280, 720), 250, 25)
    repeat(folder / "minute.mp4", folder / "hour.mp4", 60)
    _against_a_loop("long  ", folder / "hour.mp4", 60 * 60 * 25, ROUNDS)


def _against_a_loop(name: str, path: Path, num_frames: int, rounds: int) -> None:
    wanted = set(uniform_indices(num_frames, 32))

    def loop() -> None:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for index, frame in enumerate(container.decode(stream)):
                if index in wanted:
                    frame.to_ndarray(format="rgb24")
                if index == max(wanted):
                    break

    def ours() -> None:
        sampled(path, lambda n: uniform_indices(n, 32), lambda frame: None)

    ours()
    pairs = [both_seconds(loop) + both_seconds(ours) for _ in range(rounds)]
    ratio, cpu_ratio = (statistics.median(pair[at + 2] / pair[at] for pair in pairs) for at in (0, 1))
    loop_s, _, ours_s, _ = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{name}  our time / time of one loop: {ratio:.3f}, in CPU time {cpu_ratio:.3f}  "
        f"(ours {ours_s:.2f} s, the loop {loop_s:.2f} s)",
        flush=True,
    )


def cache(folder: Path) -> None:
    """Print the time of a second detector with a warm crop cache over that with crops that lie ready."""
    samples, model = photographs(folder / "photos"), detector(VIT_L_14, "auto")
    kept: dict[str, Any] = {"face_detector": "dlib", "crop_cache": folder / "cache"}
    reader = make_reader(model, faces=make_face_reader(model, **kept))
    for sample in samples:
        (unit,) = reader.units(sample)
        target = (folder / "crops" / sample.key).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        assert unit.pixels is not None
        Image.fromarray(np.ascontiguousarray(unit.pixels.transpose(1, 2, 0))).save(target)
    ready = gather_samples(folder / "crops")
    compare(
        "cache   speed with a warm crop cache / speed with ready crops",
        lambda: score(model, samples, {}, **kept),
        lambda: score(model, ready, {}),
    )


def memory(folder: Path) -> None:
    """Print how much more memory an hour takes than a minute."""
    for minutes in (1, 60):
        film(folder / f"{minutes}.mp4", minutes * 60 * 10, (640, 360), 100, 10)
    peaks = [_peak(folder / f"{minutes}.mp4") for minutes in (1, 60)]
    more = peaks[1] - peaks[0]
    print(
        f"memory  peak over 60 minutes {peaks[1]:.0f} MB, over 1 minute {peaks[0]:.0f} MB: {more:+.0f} MB", flush=True
    )


def _peak(path: Path) -> float:
    done = subprocess.run([sys.executable, __file__, "--peak", str(path)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def print_peak(path: Path) -> None:
    """Evaluate one video, a frame a second, with a small detector and print this process's peak memory in MB."""
    score(detector(TINY, "float32"), gather_samples(video=path), {"sampling": "fps", "fps": 1.0})
    print(peak_kib() / 1024)


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    each = (faces, openvino, int8, decode, long, cache, memory)
    benchmarks = {benchmark.__name__: benchmark for benchmark in each}
    if sys.argv[1:2] == ["--peak"]:
        print_peak(Path(sys.argv[2]))
        return
    run_named(benchmarks)


if __name__ == "__main__":
    main()
