"""A report on screens from a phone's on: nothing runs over its edge but tables, which scroll; anyone can read it."""

from __future__ import annotations

import browsers
import numpy as np
import pytest

from deepfakebench_ext.comparison.compare import compare
from deepfakebench_ext.comparison.page import write_comparison
from deepfakebench_ext.metrics.summary import summarise
from deepfakebench_ext.report.run_page import write_run_page
from deepfakebench_ext.report.scores.score_files import read_scores

OVER_THE_EDGE = """() => [...document.querySelectorAll("main *")]
  .filter((each) => !each.closest(".scroll") && each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def browser():
    with browsers.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for name, quality in (("one", 2.0), ("two", 1.0), ("a_third_one_of_a_long_name", 0.5)):
        rng = np.random.default_rng(round(quality))
        lines = ["key,label,score,method,dataset"]
        for n in range(80):
            score = float(1 / (1 + np.exp(-rng.normal() - quality * (2 * (n % 2) - 1))))
            method = ("DeepFakes", "NeuralTextures")[n // 2 % 2] if n % 2 else ""
            lines.append(f"some/folder_of_a_rather_long_name/{n}.png,{n % 2},{score!r},{method},{'XY'[n // 40]}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    files = [read_scores(path) for path in sorted(folder.glob("*.csv"))]
    write_comparison(folder / "comparison", compare(files), plots=False)
    (folder / "run").mkdir()
    write_run_page(folder / "run", summarise(files[0].table, title="org/vit"), run={"input": "x" * 200}, plots=False)
    return [folder / "run/report.html", folder / "comparison/report.html"]


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_runs_over_the_edge(browser, pages, width):
    for file in pages:
        with browsers.page_of(browser, file.as_uri(), viewport={"width": width, "height": 844}) as page:
            assert page.evaluate("() => document.documentElement.scrollWidth") == width
            assert page.evaluate(OVER_THE_EDGE) == []
            intervals = page.locator("td.short", has_text=" to ")
            assert intervals.count() > 5
            assert max(box["height"] for box in (cell.bounding_box() for cell in intervals.all()[:20])) < 120
            text = "(cell) => { const all = document.createRange(); all.selectNodeContents(cell); return all.getClientRects().length; }"  # fmt: skip # noqa: E501
            assert {cell.evaluate(text) for cell in intervals.all()[:20]} == {1}


def test_axe_finds_nothing(browser, pages):
    for scheme, file in zip(("light", "dark"), pages, strict=True):
        session = browser.new_context(color_scheme=scheme)
        page = session.new_page()
        page.goto(file.as_uri())
        assert browsers.violations(page) == []
        session.close()
