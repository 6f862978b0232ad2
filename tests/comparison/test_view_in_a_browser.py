"""A view as people open it: a file, in Chromium, with nothing served. What it shows is what Python computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import browsers
import numpy as np
import pytest
from PIL import Image

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.comparison import view as viewing
from deepfakebench_ext.comparison.joined import Joined, join
from deepfakebench_ext.comparison.sheets import ACROSS, SIDE
from deepfakebench_ext.comparison.view import write_view
from deepfakebench_ext.report.scores.score_files import read_scores

HOSTILE = "real/</script><img src=x onerror=document.title=1>'\\\u2028.png"
SIZE = 1200
COLOURS = ((250, 10, 10), (10, 10, 250))


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Joined:
    folder = tmp_path_factory.mktemp("runs")
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (64, 64), colour).save(folder / f"{number}.png")
    rng = np.random.default_rng(0)
    for name, quality in (("a", 1.2), ("b", 0.8)):
        lines = ["key,path,label,score,status,method,dataset"]
        for n in range(SIZE):
            fake, method = n % 2, ("DF", "FS")[n // 2 % 2]
            key = f'"{HOSTILE}"' if n == 2 else f"{method if fake else 'real'}/{n:05d}.png"
            score = float(1 / (1 + np.exp(-1.3 * rng.normal() - quality * (2 * fake - 1))))
            said = ",no_face" if rng.random() < 0.03 else f"{round(score, 3)!r},ok"
            lines.append(f"{key},{folder}/{n % 3}.png,{fake},{said},{method if fake else ''},{'XY'[n // 7 % 2]}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return join([read_scores(folder / f"{name}.csv") for name in "ab"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, joined: Joined) -> Path:
    place = tmp_path_factory.mktemp("views") / "view"
    write_view(place, joined)
    return place


@pytest.fixture(scope="module")
def browser() -> Any:
    with browsers.chromium() as running:
        yield running


def url(folder: Path, wish: str = "") -> str:
    return f"{(folder / 'index.html').as_uri()}#{wish}"


def samples(page: Any) -> list[int]:
    """All samples of the grid from the first to the last, as one sees them who scrolls through it."""
    return page.evaluate("""async () => {
      const grid = document.querySelector(".grid"), found = new Map();
      for (grid.scrollTop = 0; ; grid.scrollTop += grid.clientHeight) {
        await new Promise(requestAnimationFrame);
        for (const row of grid.querySelectorAll("[role=row]"))
          found.set(Number(row.ariaRowIndex), [...row.children].map((tile) => Number(tile.dataset.sample)));
        if (grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 1) break;
      }
      return [...found].sort((one, other) => one[0] - other[0]).flatMap(([, row]) => row);
    }""")


def by(joined: Joined, values: np.ndarray, kept: np.ndarray) -> list[int]:
    """The kept samples by falling value, those without one last."""
    order = np.argsort(np.where(np.isnan(values), np.inf, -values), kind="stable")
    return [int(at) for at in order if kept[at]]


def right(joined: Joined, run: int, threshold: float = 0.5) -> np.ndarray:
    return ~np.isnan(joined.scores[run]) & ((joined.scores[run] > threshold) == (joined.labels == 1))


def wrong(joined: Joined, run: int, threshold: float = 0.5) -> np.ndarray:
    return ~np.isnan(joined.scores[run]) & ~right(joined, run, threshold)


def test_samples_stand_in_the_order_that_is_asked_for(browser, folder, joined):
    everything, error = np.ones(SIZE, bool), np.abs(joined.scores[0] - joined.labels)
    with browsers.page_of(browser, url(folder)) as page:
        assert samples(page) == by(joined, error, everything)
        page.select_option("#control-sort", "apart")
        assert samples(page) == by(joined, np.abs(joined.scores[0] - joined.scores[1]), everything)
        page.select_option("#control-sort", "low")
        assert samples(page) == by(joined, -joined.scores[0], everything)


def test_where_one_run_is_right_and_the_other_wrong_is_what_python_says(browser, folder, joined):
    kept = right(joined, 0) & wrong(joined, 1)
    with browsers.page_of(browser, url(folder, "sort=listed")) as page:
        page.select_option("#control-pair", "a")
        assert samples(page) == np.flatnonzero(kept).tolist()
        assert f"A right, B wrong ({int(kept.sum())})" in page.inner_text("#control-pair")
        page.fill("#control-thresholdB", "0.8")
        assert samples(page) == np.flatnonzero(right(joined, 0) & wrong(joined, 1, 0.8)).tolist()


def test_filters_go_together_and_counts_are_said(browser, folder, joined):
    of = {name: np.array([column.text(at) for at in range(SIZE)]) for name, column in joined.groups.items()}
    kept = (of["method"] == "FS") & (of["dataset"] == "Y") & wrong(joined, 0)
    with browsers.page_of(browser, url(folder, "sort=listed")) as page:
        page.select_option("#control-by-method", "FS")
        page.select_option("#control-by-dataset", "Y")
        page.select_option("#control-verdict", "wrong")
        assert page.inner_text(".count") == f"{int(kept.sum())} of 1,200 samples"
        assert samples(page) == np.flatnonzero(kept).tolist()
        page.click("text=Show all samples")
        page.select_option("#control-status", "no_face")
        assert samples(page) == np.flatnonzero(np.isnan(joined.scores[0])).tolist()
        page.click("text=Show all samples")
        page.fill("#control-search", "fs/0002")
        assert page.locator(".tile").count() == sum("FS/0002" in name for name in joined.names)
        page.fill("#control-search", "nowhere")
        page.wait_for_selector("text=No sample is like that.")


def test_an_address_holds_what_is_seen(browser, folder):
    with browsers.page_of(browser, url(folder)) as page:
        page.select_option("#control-label", "fake")
        page.select_option("#control-a", "1")
        page.click(".tile >> nth=4")
        address, first = page.url, page.inner_text(".details h2")
    with browsers.page_of(browser, address) as page:
        assert page.input_value("#control-label") == "fake"
        assert page.input_value("#control-a") == "1"
        assert page.inner_text(".details h2") == first
    with browsers.page_of(
        browser, url(folder, "a=99&sort=constructor&label=__proto__&threshold=NaN&sample=1e9")
    ) as page:
        assert page.inner_text(".count") == "1,200 of 1,200 samples"


def test_only_what_is_seen_is_in_the_page_and_the_keyboard_reaches_all(browser, folder, joined):
    error = np.abs(joined.scores[0] - joined.labels)
    order = by(joined, error, np.ones(SIZE, bool))
    with browsers.page_of(browser, url(folder)) as page:
        assert 0 < page.locator(".tile").count() < 150
        page.focus(".grid")
        for key in ("ArrowRight", "ArrowRight", "Enter"):
            page.keyboard.press(key)
        assert page.inner_text(".details h2") == joined.names[order[1]]
        page.keyboard.press("End")
        assert page.inner_text(".details h2") == joined.names[order[-1]]
        assert page.get_attribute(".grid", "aria-activedescendant") == f"sample-{order[-1]}"
        page.keyboard.press("Escape")
        assert page.locator(".details").is_hidden()


def test_both_runs_stand_beside_each_other(browser, folder, joined):
    at = next(at for at in range(SIZE) if right(joined, 0)[at] and wrong(joined, 1)[at])
    with browsers.page_of(browser, url(folder, f"sample={at}")) as page:
        cells = [row.inner_text().split("\t") for row in page.locator(".details tbody tr").all()]
        assert [cell[1] for cell in cells] == [f"{joined.scores[run][at]:.3f}" for run in (0, 1)]
        assert [cell[3] for cell in cells] == ["✓ right", "✗ wrong"]


def test_what_is_published_holds_no_path_and_no_name_does_harm(browser, folder, joined, tmp_path):
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()]
    assert not [text for text in texts if "/tmp" in text or str(tmp_path.parent) in text]
    asked: list[str] = []
    with browsers.page_of(browser, url(folder, "sort=listed&search=onerror")) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        page.wait_for_selector(".tile")
        assert page.title() == "Samples of a, b"
        assert page.locator("img").count() == 0
        assert "onerror" in page.inner_text(".tile .name")
    assert asked
    assert all(each.startswith(folder.as_uri()) for each in asked)


SHEET = """(shot) => {
  const {backgroundImage, backgroundPosition} = getComputedStyle(shot);
  return [backgroundImage.slice(5, -2), ...backgroundPosition.split(" ").map((each) => -Number.parseFloat(each))];
}"""


def test_a_sample_has_the_picture_of_its_own_file(browser, folder):
    loads = (
        "(url) => new Promise((done) => { const it = new Image(); it.onload = () => done(it.width); it.src = url; })"
    )
    with browsers.page_of(browser, url(folder, "sort=listed")) as page:
        for number in range(6):
            tile = page.locator(f"#sample-{number}")
            if number % 3 == 2:
                assert tile.inner_text().startswith("no picture")
                continue
            file, left, top = tile.locator(".shot").evaluate(SHEET)
            assert page.evaluate(loads, file) == ACROSS * SIDE
            with Image.open(folder / file.removeprefix(folder.as_uri() + "/")) as sheet:
                middle = (round(left) + SIDE // 2, round(top) + SIDE // 2)
                assert sheet.getpixel(middle) == pytest.approx(COLOURS[number % 3], abs=12)


def test_what_is_most_wrong_lies_in_few_files(browser, folder):
    with browsers.page_of(browser, url(folder)) as page:
        shots = page.locator(".shot:not(.none)").evaluate_all("(all) => all.map((e) => e.style.backgroundImage)")
    assert len(shots) > 25
    assert len(set(shots)) <= 1 + len(shots) // 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_everyone_can_use_it(browser, folder, scheme, width):
    with browsers.page_of(browser, url(folder), viewport={"width": width, "height": 844}, color_scheme=scheme) as page:
        page.evaluate("() => document.querySelector('.controls').open = true")
        page.wait_for_selector(".tile")
        assert page.evaluate("() => document.documentElement.scrollWidth") == width
        page.evaluate("() => document.querySelector('.controls').open = innerWidth > 600")
        page.click(".tile >> nth=1")
        page.wait_for_selector(".details h2")
        assert page.evaluate("() => document.documentElement.scrollWidth") == width


def test_axe_finds_nothing(browser, folder):
    for scheme in ("light", "dark"):
        session = browser.new_context(color_scheme=scheme)
        page = session.new_page()
        page.goto(url(folder, "sample=1"))
        page.wait_for_selector(".details h2")
        assert browsers.violations(page) == []
        session.close()


def test_without_pictures_none_is_written(browser, folder, joined, tmp_path):
    assert write_view(tmp_path / "bare", joined, pictures=False) == 0
    assert sorted(path.name for path in (tmp_path / "bare").iterdir()) == [
        "index.html", "samples.js", "view.css", "view.js",
    ]  # fmt: skip
    with browsers.page_of(browser, url(tmp_path / "bare")) as page:
        assert page.locator(".shot").count() == 0
        assert page.locator(".tile").count() > 0


def test_a_folder_with_something_else_is_left_alone_and_too_much_is_refused(tmp_path, folder, joined, monkeypatch):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ConfigError, match="no view"):
        write_view(tmp_path, joined)
    monkeypatch.setattr(viewing, "MOST", SIZE - 1)
    with pytest.raises(ConfigError, match="--level video"):
        write_view(tmp_path / "new", joined)
    assert not (tmp_path / "new").exists()
