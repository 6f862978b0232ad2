"""`report.html` as people open it: a file, in a browser, with nothing beside it."""

from __future__ import annotations

from pathlib import Path

import browsers
import pytest
import tiny
import torch
import videos

from deepfakebench_ext.analysis.analyze import How, analyze
from deepfakebench_ext.analysis.assembling import Threshold
from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.models.loading import load_detector

HOSTILE = "</script><img src=x onerror=alert(1)>.mp4"


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("films") / "talk.mp4"
    videos.stamped_video(path, 100)
    return path


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.pth"
    torch.save(tiny.clip_detector_state(), path)
    return load_detector(tiny.CLIP_YAML, str(path), device="cpu", dtype="float32")


def report(film: Path, folder: Path, detector, **how) -> Path:
    marked = Threshold(Policy(0.01, 0.0))
    (found,) = analyze(detector, [film], How(output_dir=folder, threshold=marked, **how))
    return found.folder / "report.html"


def test_a_report_shows_its_timeline_without_anything_beside_it(tmp_path, film, detector):
    page_file = report(film, tmp_path, detector).rename(tmp_path / "alone.html")
    asked = []
    with browsers.chromium() as browser, browsers.page_of(browser, page_file.as_uri()) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_selector(".timeline")
        assert "No decision" in page.inner_text(".verdict")
        assert page.locator(".overview path").count() > 0
        assert page.locator(".cards .picture img").first.evaluate(
            "(image) => image.decode().then(() => image.naturalWidth)"
        )
        with page.expect_download() as download:
            page.click("a[download='timeline.json']")
        assert '"schema_version"' in Path(download.value.path()).read_text()
        page.set_input_files("#film", __file__)
        page.wait_for_selector("text=That is another file")
        page.set_input_files("#film", str(film))
        page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
        page.locator(".slider").focus()
        page.keyboard.press("Shift+ArrowRight")
        page.wait_for_function(f"() => ({browsers.STAMP})() === 25")
    assert not [url for url in asked if not url.startswith(("data:", "blob:", "file:"))]


def test_no_name_of_a_file_leaves_the_text(tmp_path, film, detector):
    page_file = report(film, tmp_path, detector, shown_as=HOSTILE)
    assert HOSTILE not in page_file.read_text(encoding="utf-8")
    with browsers.chromium() as browser, browsers.page_of(browser, page_file.as_uri()) as page:
        page.on("dialog", lambda dialog: pytest.fail("a script of a name ran"))
        assert page.inner_text("h2 bdi") == HOSTILE
        assert page.locator("img[src=x]").count() == 0


def test_where_no_script_runs_the_page_says_what_was_found(tmp_path, film, detector):
    page_file = report(film, tmp_path, detector)
    with (
        browsers.chromium() as browser,
        browsers.page_of(browser, page_file.as_uri(), java_script_enabled=False) as page,
    ):
        said = page.inner_text("main")
    assert "no decision: not calibrated" in said
    assert "no real video chose the threshold of 0.01" in said
