#!/usr/bin/env python3
"""What `dfb-ext metrics --no_bootstrap` takes: seconds, CPU seconds and peak memory.

    python scripts/bench_metrics.py                       # a million rows, four forms of CSV: about 2 minutes
    python scripts/bench_metrics.py 10000000 100000000    # so many rows as Parquet, two forms (extra `parquet`)

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
from typing import Any

import numpy as np

from deepfakebench_ext.report.scores.csv_writing import SCORES_COLUMNS

ROWS, FRAMES, ROUNDS = 1_000_000, 32, 5
OTHERS = ("path", "label", "score", "video", "method")
PIECE = 1 << 20


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


def write_parquet(path: Path, form: str, rows: int) -> None:
    """Write the forms `images` and `frames` as Parquet, with the columns that figures rest on."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer = np.random.default_rng(0), None
    for first in range(0, rows, PIECE):
        table = pa.table(piece(form, np.arange(first, min(first + PIECE, rows)), rng))
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def piece(form: str, rows: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Return the columns of some rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    video, frame = np.divmod(rows, FRAMES)
    fake = (video * 2654435761 >> 7) % 2
    names = pc.utf8_lpad(pa.array(video).cast(pa.string()), 8, "0")
    frames = pc.utf8_lpad(pa.array(frame).cast(pa.string()), 3, "0")
    if form == "frames":
        keys = pc.binary_join_element_wise("Celeb-DF-v2/videos/", names, ".mp4", "")
    else:
        keys = pc.binary_join_element_wise("Celeb-DF-v2/frames/", names, "/", frames, ".png", "")
    methods = pc.binary_join_element_wise("method", pa.array(video % 5).cast(pa.string()), "")
    return {
        "key": keys,
        "path": keys,
        "label": pa.array(fake, pa.int8()),
        "index": frame if form == "frames" else np.zeros(len(rows), np.int64),
        "score": 1 / (1 + np.exp(-(rng.normal(size=len(rows)) + 1.5 * fake))),
        "status": ["ok"] * len(rows),
        "video": pa.nulls(len(rows), pa.string()) if form == "frames" else names,
        "dataset": ["Celeb-DF-v2"] * len(rows),
        "method": pc.if_else(pa.array(fake == 1), methods, pa.scalar(None, pa.string())),
        "head": ["trained"] * len(rows),
    }


def measured(path: Path) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak resident MB of one command."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, __file__, "--peak", str(path)], check=True, capture_output=True, text=True)
    cpu, peak = map(float, done.stdout.split()[-2:])
    return time.perf_counter() - start, cpu, peak


def print_peak(path: str) -> None:
    """Run the command in this process, and print its CPU seconds and its peak memory in MB."""
    from deepfakebench_ext.cli.main import cli

    cli(["metrics", path, "--no_bootstrap"], standalone_mode=False)
    # Not getrusage: its maximum begins with that of the process which started this one.
    status = Path("/proc/self/status").read_text()
    print(time.process_time(), int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6)


def say(name: str, path: Path, rounds: int) -> None:
    """Measure so often, and print the medians and the highest peak."""
    seconds, cpu, peaks = zip(*(measured(path) for _ in range(rounds)), strict=True)
    print(
        f"{name:<18} {statistics.median(seconds):.1f} s, {statistics.median(cpu):.1f} CPU s, {max(peaks):.0f} MB",
        flush=True,
    )


def main() -> None:
    """Measure all forms."""
    if sys.argv[1:2] == ["--peak"]:
        print_peak(sys.argv[2])
        return
    for form in () if sys.argv[1:] else ("images", "groups", "frames", "csv"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scores.csv"
            write(path, form)
            say(form, path, ROUNDS)
    for rows in map(int, sys.argv[1:]):
        for form in ("frames", "images"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "scores.parquet"
                write_parquet(path, form, rows)
                say(f"{form} {rows:.0e}", path, 1)


if __name__ == "__main__":
    main()
