"""The page in a real browser, before a real service: from a dropped film to the very frame that is sought."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browsers
import pytest
import services
import tiny
import videos

from deepfakebench_ext.analysis.cut import cut_segments
from deepfakebench_ext.analysis.policy import Policy, with_onset
from deepfakebench_ext.analysis.spans import ScoredSpan, TrackScores
from deepfakebench_ext.metrics.segments.stretches import microseconds

RATE = 25
HOSTILE = ("<img src=x onerror=alert(1)>.mp4", "\u202eגשר\u202c \"'`.mp4", "a&amp;b %2e%2e .mp4")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "talk.mp4"
    videos.stamped_video(path, 150)
    return path


@pytest.fixture(scope="module")
def done(service: services.Service, film: Path) -> str:
    """A job that is completed, all of it marked."""
    with service.client() as client, film.open("rb") as file:
        fields = {"threshold": "0.2", "offset_below": "0", "min_on_s": "0.2", "subtitles": "true"}
        answer = client.post("/v1/video/analyze?wait=60", files={"file": (film.name, file)}, data=fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["job_id"])


def drop(page: Any, path: Path, name: str | None = None) -> None:
    """Drop a file onto the page, as a hand does."""
    page.wait_for_selector(".drop")
    data = page.evaluate_handle(
        """([content, name]) => {
          const carried = new DataTransfer();
          carried.items.add(new File([Uint8Array.from(atob(content), (each) => each.charCodeAt(0))], name));
          return carried;
        }""",
        [base64.b64encode(path.read_bytes()).decode(), name or path.name],
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": data})


def scored(document: dict[str, Any]) -> list[TrackScores]:
    """The scores of a timeline."""
    spans: dict[tuple[int, int], list[ScoredSpan]] = {}
    for each in document["scores"]:
        start, end, at = (microseconds(each[name]) for name in ("start_s", "end_s", "time"))
        spans.setdefault((each["track"], each["shot"]), []).append(ScoredSpan(start, end, each["score"], at))
    return [TrackScores(*which, tuple(own)) for which, own in spans.items()]


def test_a_film_that_is_dropped_is_judged_and_any_frame_of_it_found(
    browser: Any, service: services.Service, film: Path
) -> None:
    with browsers.page_of(browser, service.url) as page:
        drop(page, film)
        page.click(".is-completed .open", timeout=30_000)
        page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
        for frame in (101, 7, 60, 148):
            browsers.click(page, (frame + 0.5) / RATE)
            browsers.sought(page, frame)
        browsers.click(page, 60.5 / RATE)
        browsers.sought(page, 60)
        for key, frame in (
            ("ArrowRight", 61),
            ("ArrowRight", 62),
            ("ArrowLeft", 61),
            ("Home", 0),
            ("Shift+ArrowRight", 25),
        ):
            page.keyboard.press(key)
            browsers.sought(page, frame)
        page.reload()
        page.wait_for_selector(".timeline")


def test_the_curve_is_the_timelines_and_another_threshold_cuts_as_python_does(
    browser: Any, service: services.Service, done: str
) -> None:
    with service.client() as client:
        document = client.get(f"/v1/jobs/{done}/result").json()
    onset = sorted(each["score"] for each in document["scores"])[len(document["scores"]) // 2]
    with browsers.page_of(browser, f"{service.url}/#{done}") as page:
        page.wait_for_selector(".timeline")
        for track in document["tracks"]:
            path = page.get_attribute(f".lane[data-track='{track['track']}'] path", "d")
            drawn = [
                tuple(map(float, step.replace("H", " ").split())) for step in path.replace("L", "M").split("M")[1:]
            ]
            own = [each for each in document["scores"] if each["track"] == track["track"]]
            assert drawn == [(each["start_s"], each["score"], each["end_s"]) for each in own]
        page.fill("input[name=onset_typed]", repr(onset))
        marks = page.eval_on_selector_all(
            ".overview .mark", "(all) => all.map((each) => [each.style.left, each.style.width].map(parseFloat))"
        )
    length = document["video"]["duration_s"]
    policy = Policy(**{name: document["policy"][name] for name in Policy.__dataclass_fields__})
    cut = cut_segments(scored(document), with_onset(policy, onset))
    assert len(cut) > 1
    want = [(100 * each.start_s / length, 100 * (each.end_s - each.start_s) / length) for each in cut]
    assert marks == [pytest.approx(each, rel=1e-4) for each in want]


def test_what_cannot_be_judged_is_refused_before_it_is_sent(
    browser: Any, service: services.Service, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no film")
    (tmp_path / "empty.mp4").touch()
    sent: list[str] = []
    with browsers.page_of(browser, service.url) as page:
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        drop(page, tmp_path / "notes.txt")
        drop(page, tmp_path / "empty.mp4")
        refusals = page.locator(".uploads .warning").all_inner_texts()
    assert "notes.txt is no video that is known here" in refusals[0]
    assert "empty.mp4 is empty" in refusals[1]
    assert not sent


def test_what_the_service_refuses_is_said_with_the_files_name_once(
    browser: Any, service: services.Service, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no film" * 20)
    with browsers.page_of(browser, service.url) as page:
        drop(page, tmp_path / "broken.mp4")
        said = page.locator(".uploads .warning").inner_text(timeout=30_000)
    assert said.startswith("broken.mp4: ") and said.count("broken.mp4") == 1


def test_several_films_are_chosen_at_once_and_an_option_goes_with_each(
    browser: Any, service: services.Service, tmp_path: Path
) -> None:
    for name in ("one.mp4", "two.mp4"):
        videos.stamped_video(tmp_path / name, 20 + ord(name[0]))
    with browsers.page_of(browser, service.url) as page:
        page.click(".submit summary")
        page.fill("input[name=fps]", "3.5")
        page.set_input_files("#files", [str(tmp_path / "one.mp4"), str(tmp_path / "two.mp4")])
        for name in ("one.mp4", "two.mp4"):
            page.wait_for_selector(f".job:has-text('{name}').is-completed", timeout=60_000)
        page.set_input_files("#files", [str(tmp_path / "one.mp4")])
        page.wait_for_selector("text=one.mp4 was judged just so before")
    with service.client() as client:
        jobs = {each["filename"]: each["params"] for each in client.get("/v1/jobs").json()["jobs"]}
    assert jobs["one.mp4"] == jobs["two.mp4"] == {"fps": 3.5, "subtitles": True}


def test_a_film_that_waits_to_be_sent_is_seen_and_can_be_left_out(
    browser: Any, service: services.Service, tmp_path: Path
) -> None:
    for number, name in enumerate(("sent.mp4", "left.mp4")):
        videos.stamped_video(tmp_path / name, 30 + number)
    held: list[Any] = []
    with browsers.page_of(browser, service.url) as page:
        page.route("**/v1/video/analyze", lambda route: held.append(route))
        page.set_input_files("#files", [str(tmp_path / "sent.mp4"), str(tmp_path / "left.mp4")])
        waiting = page.locator(".uploads li", has_text="left.mp4 waits to be sent")
        waiting.locator("button").click()
        services.until(lambda: page.wait_for_timeout(50) or held, "the first is sent")
        held.pop().continue_()
        page.wait_for_selector(".job:has-text('sent.mp4').is-completed", timeout=60_000)
        page.wait_for_function("() => !document.querySelector('.uploads li')")
    assert not held
    with service.client() as client:
        assert "left.mp4" not in {each["filename"] for each in client.get("/v1/jobs").json()["jobs"]}


def test_an_images_score_is_said(browser: Any, service: services.Service, tmp_path: Path) -> None:
    with service.client() as client, tiny.photo(tmp_path / "p.png").open("rb") as file:
        job = client.post("/v1/image/score?wait=60", files={"file": ("p.png", file)}).json()
    with browsers.page_of(browser, f"{service.url}/#{job['job_id']}") as page:
        page.wait_for_selector(f"text=Score of the image: {job['result']['score']:.3f}")


def test_names_of_files_are_text_and_nothing_else(browser: Any, service: services.Service, film: Path) -> None:
    with service.client() as client:
        for name in HOSTILE:
            with film.open("rb") as file:
                client.post("/v1/video/analyze?wait=60", files={"file": (name, file)}, data={"fps": "2"})
            videos.stamped_video(film, 150 + len(name))
    with browsers.page_of(browser, service.url) as page:
        page.on("dialog", lambda dialog: pytest.fail("a script of a name ran"))
        page.wait_for_selector(".job")
        names = page.locator(".job .file").all_inner_texts()
        assert any(name == HOSTILE[0] for name in names)
        assert page.locator("main img, main script").count() == 0
        assert page.locator(".job bdi[dir=auto]").count() == len(names)


def test_a_film_that_browsers_do_not_play_is_seen_as_a_copy_frame_by_frame(
    browser: Any, service: services.Service, tmp_path: Path
) -> None:
    videos.stamped_video(tmp_path / "old.avi", 60)
    with service.client() as client, (tmp_path / "old.avi").open("rb") as file:
        job = client.post("/v1/video/analyze?wait=60", files={"file": ("old.avi", file)}).json()["job_id"]
        assert "proxy.mp4" in client.get(f"/v1/jobs/{job}/files").json()
    with browsers.page_of(browser, f"{service.url}/#{job}") as page:
        page.wait_for_selector("text=You see a copy in H.264")
        page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
        for frame in (33, 4, 59, 58):
            browsers.click(page, (frame + 0.5) / RATE)
            browsers.sought(page, frame)


def test_a_film_that_browsers_play_has_no_copy(service: services.Service, done: str) -> None:
    with service.client() as client:
        assert "proxy.mp4" not in client.get(f"/v1/jobs/{done}/files").json()


def test_a_face_without_a_keyframe_has_its_picture_from_the_film(
    browser: Any, service: services.Service, film: Path
) -> None:
    with service.client() as client, film.open("rb") as file:
        fields = {"threshold": "0.99"}
        job = client.post("/v1/video/analyze?wait=60", files={"file": (film.name, file)}, data=fields).json()["job_id"]
        assert client.get(f"/v1/jobs/{job}/result").json()["keyframes"] == []
    with browsers.page_of(browser, f"{service.url}/#{job}") as page:
        page.wait_for_selector(".lane .portrait canvas")
        painted = (
            "(canvas) => canvas.getContext('2d').getImageData(0, 0, 96, 96).data.some((each, at) => at % 4 < 3 && each)"
        )
        assert page.locator(".lane .portrait canvas").first.evaluate(painted)


def test_everything_is_said_in_german_too(browser: Any, service: services.Service, done: str) -> None:
    with browsers.page_of(browser, f"{service.url}/#{done}", locale="de-DE") as page:
        page.wait_for_selector(".timeline")
        assert page.evaluate("document.documentElement.lang") == "de"
        assert "Keine Entscheidung" in page.inner_text(".verdict")
        page.select_option(".language", "en")
        page.wait_for_selector("text=No decision")
        page.reload()
        page.wait_for_selector("text=No decision")


def test_a_jobs_report_is_shown_without_reaching_the_service(
    browser: Any, service: services.Service, done: str
) -> None:
    with browsers.page_of(browser, f"{service.url}/v1/jobs/{done}/report.html") as page:
        page.wait_for_selector(".timeline")
        assert page.evaluate("self.origin") == "null"
        assert page.locator(".cards .picture img").count() > 0
