#!/usr/bin/env python3
"""How a view of 100,000 samples of two runs behaves in Chromium, opened as a file: with pictures, and without.

    python scripts/bench_view.py            # about 5 minutes; needs chromium and `pip install playwright`

first tiles  from opening the page until the first tiles stand there.
scrolling    frames a second while the grid moves by 150 px each frame, and while it jumps to all others each frame.
filter, sort  from the choice in a control until the page has drawn the new tiles, the slowest of several.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepfakebench_ext.comparison.joined import Joined, join
from deepfakebench_ext.comparison.view import write_view
from deepfakebench_ext.report.scores.score_files import read_scores

FILES = 500
"""Pictures that the samples share: what a browser does with them is the same."""
METHODS, DATASETS = ("DeepFakes", "FaceSwap", "NeuralTextures"), ("Celeb-DF-v2", "DFDC")
READY = "() => document.querySelectorAll('.tile').length > 0"
TIMED = """async ([id, value]) => {
  const control = document.querySelector(`#control-${id}`);
  const begin = performance.now();
  control.value = value;
  control.dispatchEvent(new Event(control.tagName === "SELECT" ? "change" : "input"));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begin;
}"""
SCROLLED = """async ([step, seconds]) => {
  const grid = document.querySelector(".grid"), until = performance.now() + 1000 * seconds;
  const times = [];
  while (performance.now() < until) {
    grid.scrollTop += step;
    times.push(await new Promise(requestAnimationFrame));
  }
  const each = times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
  return [1000 * each.length / (times.at(-1) - times[0]), each[Math.floor(0.99 * each.length)]];
}"""
CHOICES = (
    *(("label", "fake"), ("by-method", "FaceSwap"), ("pair", "a"), ("verdict", "wrong"), ("search", "0012")),
    *(("search", ""), ("verdict", ""), ("pair", ""), ("by-method", ""), ("label", "")),
)
SORTS = ("high", "apart", "error_b", "name", "error")


def write_run(folder: Path, name: str, samples: int, quality: float) -> None:
    """Write scores that tell the classes apart, some of them missing."""
    rng = np.random.default_rng(round(10 * quality))
    lines = ["key,path,label,score,status,method,dataset"]
    for number in range(samples):
        fake, method = number % 2, METHODS[number % 3]
        score = repr(float(1 / (1 + np.exp(-1.2 * rng.normal() - quality * (2 * fake - 1)))))
        said = ("", "no_face") if rng.random() < 0.01 else (score, "ok")
        place = f"{method if fake else 'real'}/{number // 32:05d}/{number:06d}.png"
        cells = (
            place,
            folder / f"{number % FILES}.jpg",
            fake,
            *said,
            method if fake else "",
            DATASETS[number // 2 % 2],
        )
        lines.append(",".join(map(str, cells)))
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def make(folder: Path, samples: int) -> Joined:
    """Make pictures and two runs."""
    rng = np.random.default_rng(0)
    for number in range(FILES):
        coarse = rng.integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(coarse).resize((224, 224), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg")
    for name, quality in (("one", 1.5), ("two", 1.0)):
        write_run(folder, name, samples, quality)
    return join([read_scores(folder / f"{name}.csv") for name in ("one", "two")])


def measure(page: Any, url: str) -> None:
    """Open a page, move it, choose in it, and print how long that took."""
    begin = time.perf_counter()
    page.goto(url)
    page.wait_for_function(READY)
    print(f"  first tiles after {time.perf_counter() - begin:.2f} s")
    for step, what in ((150, "fast"), (37_000, "in jumps")):
        rate, slow = page.evaluate(SCROLLED, [step, 4])
        print(f"  scrolling {what}: {rate:.0f} frames a second, of 100 frames the slowest after {slow:.0f} ms")
    page.evaluate("() => document.querySelector('.grid').scrollTop = 0")
    filters = [page.evaluate(TIMED, list(choice)) for choice in CHOICES]
    print(f"  filter: {np.median(filters):.0f} ms, the slowest {max(filters):.0f} ms")
    sorts = [page.evaluate(TIMED, ["sort", sort]) for sort in SORTS]
    print(f"  sort: {np.median(sorts):.0f} ms, the slowest {max(sorts):.0f} ms")
    print(f"  tiles in the page: {page.locator('.tile').count()}")


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    samples = parser.parse_args().samples
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        joined = make(folder, samples)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for pictures in (True, False):
            view = folder / f"view-{pictures}"
            begin = time.perf_counter()
            write_view(view, joined, pictures=pictures)
            size = sum(path.stat().st_size for path in view.rglob("*") if path.is_file()) / 1e6
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            print(f"{samples} samples {'with' if pictures else 'without'} pictures: {size:.0f} MB, ", end="")
            print(f"written in {time.perf_counter() - begin:.0f} s, peak memory {peak:.0f} MB")
            measure(browser.new_page(viewport={"width": 1440, "height": 900}), (view / "index.html").as_uri())
        browser.close()


if __name__ == "__main__":
    main()
