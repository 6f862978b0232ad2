"""The list of jobs in a real browser: what a reload, a kill of the service, and each of its buttons do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browsers
import pytest
import services
import videos


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.chromium() as running:
        yield running


def post(service: services.Service, path: Path, frames: int, **fields: str) -> str:
    videos.stamped_video(path, frames)
    with service.client() as client, path.open("rb") as file:
        answer = client.post("/v1/video/analyze", files={"file": (path.name, file)}, data=fields)
    return str(answer.json()["job_id"])


def test_a_job_survives_a_reload_and_a_kill_of_the_service_under_it(
    browser: Any, service: services.Service, tmp_path: Path
) -> None:
    first, second = (post(service, tmp_path / f"{fps}.mp4", 2500, fps=fps) for fps in ("25", "24"))
    with browsers.page_of(browser, service.url) as page:
        page.wait_for_selector(f"[data-job={first}].is-running progress")
        assert "it is next" in page.inner_text(f"[data-job={second}]")
        page.reload()
        page.wait_for_selector(f"[data-job={first}].is-running")
        service.kill()
        page.wait_for_selector("text=The service does not answer")
        assert page.locator(f"[data-job={first}]").count() == 1
        service.start()
        page.wait_for_selector("text=The service does not answer", state="hidden", timeout=60_000)
        page.wait_for_selector(f"[data-job={first}].is-completed", timeout=90_000)
        page.click(f"[data-job={second}] [data-act=cancel]")
        page.wait_for_selector(f"[data-job={second}].is-cancelled")
        page.click(f"[data-job={second}] [data-act=retry]")
        page.wait_for_selector(f"[data-job={second}]:is(.is-queued, .is-running)")
        page.click(f"[data-job={second}] [data-act=cancel]")
        page.wait_for_selector(f"[data-job={second}].is-cancelled")


def test_progress_is_told_where_no_events_come(browser: Any, service: services.Service, tmp_path: Path) -> None:
    with browsers.page_of(browser, "about:blank") as page:
        page.route("**/events", lambda route: route.abort())
        job = post(service, tmp_path / "asked.mp4", 2500, fps="20")
        page.goto(service.url)
        page.wait_for_selector(f"[data-job={job}].is-running progress")
        page.wait_for_selector(f"[data-job={job}].is-completed", timeout=60_000)


def test_a_deletion_can_be_undone_and_is_done_where_the_page_is_left(
    browser: Any, service: services.Service, tmp_path: Path
) -> None:
    job = post(service, tmp_path / "short.mp4", 20)
    with service.client() as client:
        services.until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "completed", "completed")
        with browsers.page_of(browser, service.url) as page:
            page.click(f"[data-job={job}] [data-act=delete]")
            page.wait_for_selector(f"[data-job={job}]", state="hidden")
            page.click(".toast button")
            page.wait_for_selector(f"[data-job={job}]")
            assert page.evaluate("document.activeElement.dataset.act") == "delete"
            page.click(f"[data-job={job}] [data-act=delete]")
            page.goto("about:blank")
        services.until(lambda: client.get(f"/v1/jobs/{job}").status_code == 404, "deleted", 10)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_open_to_everybody(browser: Any, service: services.Service, tmp_path: Path, scheme: Any) -> None:
    job = post(service, tmp_path / "seen.mp4", 40, threshold="0.2")
    with service.client() as client:
        services.until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "completed", "completed")
    with browsers.page_of(browser, service.url, color_scheme=scheme) as page:
        page.wait_for_selector(f"[data-job={job}].is-completed")
        page.click(".submit summary")
        assert browsers.violations(page) == []
        page.goto(f"{service.url}/#{job}")
        page.wait_for_selector(".timeline")
        assert browsers.violations(page) == []


def test_the_page_fits_a_narrow_screen(browser: Any, service: services.Service, tmp_path: Path) -> None:
    job = post(service, tmp_path / "narrow.mp4", 40, threshold="0.2")
    with service.client() as client:
        services.until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "completed", "completed")
    with browsers.page_of(browser, f"{service.url}/#{job}", viewport={"width": 360, "height": 740}) as page:
        page.wait_for_selector(".timeline")
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
