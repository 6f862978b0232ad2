#!/usr/bin/env python3
"""What `dfb-ext metrics --no_bootstrap` takes over a million rows: seconds and peak memory, four forms of file.

    python scripts/bench_metrics.py              # about 2 minutes

images   a run over images, each of a named video: a million keys, five methods.
groups   the same over two datasets, each broken down too, as are their videos of 3 images.
frames   a run over videos: 31,250 keys with 32 frames each.
csv      somebody's CSV: path, label, score, video, method.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from deepfakebench_ext.report.scores.csv_writing import SCORES_COLUMNS

ROWS, FRAMES, ROUNDS = 1_000_000, 32, 3
OTHERS = ("path", "label", "score", "video", "method")


def write(path: Path, form: str) -> None:
    """Write a file of scores that tell the classes apart at AUC 0.86, videos of `FRAMES` frames, or of 3."""
    rng = np.random.default_rng(0)
    each = 3 if form == "groups" else FRAMES
    fake = rng.integers(0, 2, ROWS // each + 1)
    columns = OTHERS if form == "csv" else SCORES_COLUMNS
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(columns) + "\n")
        for row in range(ROWS):
            video, frame = divmod(row, each)
            image = f"Celeb-DF-v2/frames/{video:06d}/{frame:03d}.png"
            key = f"Celeb-DF-v2/videos/{video:06d}.mp4" if form == "frames" else image
            cells = {
                "key": key,
                "path": f"/data/{key}",
                "label": str(fake[video]),
                "index": str(frame if form == "frames" else 0),
                "score": repr(float(1 / (1 + np.exp(-(rng.normal() + 1.5 * fake[video]))))),
                "status": "ok",
                "video": "" if form == "frames" else f"{video:06d}",
                "dataset": "DFDC" if form == "groups" and video % 2 else "Celeb-DF-v2",
                "method": f"method{video % 5}" if fake[video] else "",
                "head": "trained",
            }
            file.write(",".join(cells.get(name, "") for name in columns) + "\n")


def measured(path: Path) -> tuple[float, float]:
    """Seconds and peak resident MB of one command."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, __file__, "--peak", str(path)], check=True, capture_output=True, text=True)
    return time.perf_counter() - start, float(done.stdout.split()[-1])


def print_peak(path: str) -> None:
    """Run the command in this process, and print its peak memory in MB."""
    from deepfakebench_ext.cli.main import cli

    cli(["metrics", path, "--no_bootstrap"], standalone_mode=False)
    # Not getrusage: its maximum begins with that of the process which started this one.
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6)


def main() -> None:
    """Measure all forms."""
    if sys.argv[1:2] == ["--peak"]:
        print_peak(sys.argv[2])
        return
    for form in ("images", "groups", "frames", "csv"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scores.csv"
            write(path, form)
            seconds, peaks = zip(*(measured(path) for _ in range(ROUNDS)), strict=True)
            print(f"{form:<8} {statistics.median(seconds):.1f} s, {max(peaks):.0f} MB", flush=True)


if __name__ == "__main__":
    main()
