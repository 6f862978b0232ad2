"""`report.html` as people open it: a file, in a browser, with nothing beside it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import browsers
import pytest
import tiny
import torch
import videos

from deepfakebench_ext.analysis.analyze import How, analyze
from deepfakebench_ext.analysis.assembling import Threshold
from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.media.video import every_frame
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


@pytest.fixture(scope="module")
def browser():
    with browsers.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def stored(tmp_path_factory, film, detector):
    """A report."""
    return report(film, tmp_path_factory.mktemp("stored"), detector)


def test_a_report_shows_its_timeline_without_anything_beside_it(tmp_path, browser, film, detector):
    page_file = report(film, tmp_path, detector).rename(tmp_path / "alone.html")
    asked = []
    with browsers.page_of(browser, page_file.as_uri()) as page:
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


def uneven(path: Path) -> None:
    videos.stamped_video(path, 60, vfr=True)


def trimmed(path: Path) -> None:
    videos.stamped_video(path.with_name("whole.mp4"), 80)
    videos.trimmed(path.with_name("whole.mp4"), path, 13)


def late(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(videos.stamp(number)).reformat(format="yuv420p")
            frame.pts, frame.time_base = number + 50, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("made", [uneven, trimmed, late])
def test_every_frame_of_a_film_is_found_at_its_own_time(tmp_path, browser, detector, made):
    film = tmp_path / "film.mp4"
    made(film)
    times = {videos.stamp_of(frame.rgb): frame.time_s for frame in every_frame(film)}
    page_file = report(film, tmp_path, detector)
    with browsers.page_of(browser, page_file.as_uri()) as page:
        page.set_input_files("#film", str(film))
        page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
        for frame in (47, 20, 35, 33):
            for time_s in (times[frame] + 0.01, times[frame + 1] - 0.01):
                browsers.click(page, time_s)
                browsers.sought(page, frame)
        for key, frame in [*(("ArrowRight", frame) for frame in range(34, 39)), ("ArrowLeft", 37), ("ArrowLeft", 36)]:
            page.keyboard.press(key)
            now = f"document.querySelector('.slider').getAttribute('aria-valuenow') - {times[frame]}"
            page.wait_for_function(f"() => Math.abs({now}) < 0.002")
            browsers.sought(page, frame)
        page.keyboard.press("End")
        browsers.sought(page, max(times))
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        browsers.sought(page, max(times) - 1)


def test_no_name_of_a_file_leaves_the_text(tmp_path, browser, film, detector):
    page_file = report(film, tmp_path, detector, shown_as=HOSTILE)
    assert HOSTILE not in page_file.read_text(encoding="utf-8")
    with browsers.page_of(browser, page_file.as_uri()) as page:
        page.on("dialog", lambda dialog: pytest.fail("a script of a name ran"))
        assert page.inner_text("h2 bdi") == HOSTILE
        assert page.locator("img[src=x]").count() == 0


def test_where_no_script_runs_the_page_says_what_was_found(tmp_path, browser, film, detector):
    page_file = report(film, tmp_path, detector)
    with browsers.page_of(browser, page_file.as_uri(), java_script_enabled=False) as page:
        said = page.inner_text("main")
    assert "no decision: not calibrated" in said
    assert "no real video chose the threshold of 0.01" in said


def changed(page_file: Path, target: Path, change) -> Path:
    """A copy of a report, of another timeline."""
    before, begin, rest = page_file.read_text(encoding="utf-8").partition('id="data">')
    data, end, after = rest.partition("</script>")
    values = json.loads(data)
    change(values["timeline"])
    target.write_text(before + begin + json.dumps(values) + end + after, encoding="utf-8")
    return target


def figure(value, low, high):
    return {"value": value, "low": low, "high": high, "reason": ""}


BANDS = {"fake_above": 0.8, "real_below": 0.1, "false_alarms": 0.05, "misses": 0.1, "source": "40 videos"}


@pytest.mark.parametrize(
    ("decision", "score", "trained", "bands", "said"),
    [
        ("fake", 0.9, True, BANDS, "Fake\nThe score 0.900 is above 0.800: of real videos, at most 5% score so high."),
        ("real", 0.05, True, BANDS, "Real\nThe score 0.050 is below 0.100: of fakes, at most 10% score so low."),
        ("no decision", 0.5, True, BANDS, "No decision\nThe score 0.500 allows neither word at the stated risk."),
        ("no decision", 0.5, False, BANDS, "No decision\nThe detector's head is untrained: its scores are noise."),
        ("no decision", 0.9999999, True, None, "No decision\nNot calibrated: no known videos say what"),
    ],
)
def test_the_verdict_is_a_sentence_with_its_limits(tmp_path, browser, stored, decision, score, trained, bands, said):
    def change(timeline):
        timeline["score"] |= {"decision": decision, "score": score, "bands": bands}
        timeline["detector"]["head_trained"] = trained

    page_file = changed(stored, tmp_path / "a.html", change)
    with browsers.page_of(browser, page_file.as_uri()) as page:
        text = "\n".join(line for line in page.inner_text(".verdict").splitlines() if line)
        assert text.startswith(said)
        assert ("every score here is noise" in text) is not trained
        assert "0.9999999" in text or score < 0.99


def test_measured_false_alarms_are_said_of_the_setting_that_they_were_measured_at_alone(tmp_path, browser, stored):
    def change(timeline):
        alarms = {
            "measured": figure(0.5, 0.1, 1.0),
            "held_out": figure(1.12, 0.24, 2.4),
            "videos": 40,
            "seconds": 3738.0,
        }
        timeline["policy"] |= {"calibrated": True, "false_alarms": {"limit_s_per_min": 1.0, **alarms}}

    page_file = changed(stored, tmp_path / "a.html", change)
    with browsers.page_of(browser, page_file.as_uri()) as page:
        measured = page.inner_text(".worth")
        page.fill("input[name=min_on_s]", "1.5")
        moved = page.inner_text(".worth")
        page.click("text=As it was stored")
        again = page.inner_text(".worth")
    assert measured == again
    assert measured.startswith(
        "1.12 s of false alarms in a minute of real video (95 %: 0.24 to 2.4), measured on 40 real"
    )
    assert "not for this one" in moved


def test_a_term_is_explained_where_it_is_pointed_at_or_focused_until_escape(browser, stored):
    with browsers.page_of(browser, stored.as_uri()) as page:
        term, tip = page.locator(".verdict .term").first, page.locator(".verdict .tip").first
        term.focus()
        assert tip.is_visible()
        page.keyboard.press("Escape")
        assert not tip.is_visible()
        term.hover()
        assert tip.is_visible()


def test_a_long_timeline_is_on_paper_without_what_cannot_be_pressed_there(browser, stored):
    with browsers.page_of(browser, stored.as_uri()) as page:
        page.emulate_media(media="print")
        assert page.locator(".verdict").is_visible() and page.locator(".overview path").count()
        for control in (".cutting .pair", ".buttons", ".slider", ".take", ".language", "#film"):
            assert not page.locator(control).first.is_visible(), control
