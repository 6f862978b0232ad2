"""Tokens and the page: a cookie that only reads, and no request of another site that changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browsers
import httpx
import pytest
import services
import videos

ALICE, BOB, READER = ("a" * 20, "b" * 20, "c" * 20)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, weights: list[str]) -> Iterator[services.Service]:
    """A service that asks for tokens; nothing is judged."""
    folder = tmp_path_factory.mktemp("asking")
    lines = (f"alice read,submit {ALICE}", f"bob read,submit {BOB}", f"reader read {READER}")
    (folder / "tokens.txt").write_text("\n".join(lines))
    with services.Service(folder, weights, "--token_file", str(folder / "tokens.txt"), "--no_worker") as running:

        def answers() -> bool:
            try:
                return httpx.get(f"{running.url}/healthz").status_code == 200
            except httpx.TransportError:
                return False

        services.until(answers, "answers")
        yield running


@pytest.fixture(scope="module")
def job(asking: services.Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    film = tmp_path_factory.mktemp("films") / "talk.mp4"
    videos.stamped_video(film, 30)
    with asking.client(authorization=f"Bearer {ALICE}") as client, film.open("rb") as file:
        return str(client.post("/v1/video/analyze", files={"file": (film.name, file)}).json()["job_id"])


def cookie(service: services.Service, token: str) -> str:
    answer = httpx.post(f"{service.url}/v1/session", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 204, answer.text
    return str(answer.headers["set-cookie"])


def test_a_cookie_reads_what_its_token_reads_and_changes_nothing(asking: services.Service, job: str) -> None:
    said = cookie(asking, ALICE)
    assert ALICE not in said
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(said.split("; "))
    with asking.client(cookie=said.partition(";")[0]) as client:
        film = client.get(f"/v1/jobs/{job}/video", headers={"range": "bytes=0-3"})
        refused = [client.post(f"/v1/jobs/{job}/cancel"), client.delete(f"/v1/jobs/{job}"), client.post("/v1/session")]
        garbled = client.get("/v1/jobs", headers={"authorization": "Bearer nonsense"})
    assert film.status_code == 206
    assert [each.status_code for each in [*refused, garbled]] == [401] * 4
    with asking.client(cookie=cookie(asking, BOB).partition(";")[0]) as client:
        assert client.get(f"/v1/jobs/{job}").status_code == 404


def test_a_token_that_only_reads_has_a_session_too(asking: services.Service) -> None:
    with asking.client(cookie=cookie(asking, READER).partition(";")[0]) as client:
        assert client.get("/v1/jobs").json()["jobs"] == []


def test_an_unknown_token_has_no_session(asking: services.Service) -> None:
    for headers in ({}, {"authorization": "Bearer dddddddddddddddddddd"}):
        answer = httpx.post(f"{asking.url}/v1/session", headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_changes_nothing_even_with_a_token(asking: services.Service, job: str, site: str) -> None:
    headers = {"authorization": f"Bearer {ALICE}", "sec-fetch-site": site}
    answer = httpx.post(f"{asking.url}/v1/jobs/{job}/cancel", headers=headers)
    assert (answer.status_code, "another site" in answer.json()["detail"]) == (403, True)


def test_the_page_answers_head_as_get(asking: services.Service) -> None:
    with asking.client() as client:
        for path in ("/", "/page/app.js"):
            got, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["etag"] == got.headers["etag"]


def test_the_page_asks_no_token_for_itself_and_lets_nothing_in_from_elsewhere(asking: services.Service) -> None:
    with asking.client() as client:
        page, part = client.get("/"), client.get("/page/viewer/viewer.js")
        again = client.get("/page/viewer/viewer.js", headers={"if-none-match": part.headers["etag"]})
        strange = [
            client.get(f"/page/{name}")
            for name in ("viewer/../page.py", "viewer/none.js", "%2e%2e/app.py", "__init__.py")
        ]
    for answer in (page, part):
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe-inline" not in policy
    assert again.status_code == 304
    assert {each.status_code for each in strange} <= {401, 404}


def test_the_page_asks_for_the_token_once_and_browsers_fetch_by_the_cookie(asking: services.Service, job: str) -> None:
    status = "([method, path]) => fetch(path, {method}).then((answer) => answer.status)"
    with browsers.chromium() as browser, browsers.page_of(browser, asking.url) as page:
        page.fill("#token", "e" * 20)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=The service does not know this token")
        page.fill("#token", ALICE)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"[data-job={job}]")
        assert page.locator("dialog").count() == 0
        assert page.evaluate("document.cookie") == ""
        assert page.evaluate(status, ["GET", f"/v1/jobs/{job}/video"]) == 200
        assert page.evaluate(status, ["POST", f"/v1/jobs/{job}/cancel"]) == 401
        page.reload()
        page.wait_for_selector(f"[data-job={job}]")
        page.click("[data-act=cancel]")
        page.wait_for_selector(".job.is-cancelled")
        page.click(".other")
        page.keyboard.press("Escape")
        page.fill("#token", BOB)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Nothing here yet")


def test_no_part_of_the_page_is_left_out(asking: services.Service) -> None:
    rooms = Path(browsers.__file__).parents[1] / "deepfakebench_ext"
    names = [path.name for path in (rooms / "service/page").iterdir()]
    names += [f"viewer/{path.name}" for room in ("analysis", "report") for path in (rooms / room / "viewer").iterdir()]
    with asking.client() as client:
        sizes = {name: len(client.get(f"/page/{name}").content) for name in names if name != "index.html"}
    assert all(sizes.values())
    assert sum(sizes.values()) < 150_000
