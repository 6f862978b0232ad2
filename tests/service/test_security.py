"""Who may call, how often, and what every answer says and does not say."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import answering
import httpx
import pytest
import services
import tiny
import videos
from answering import Api, answer_of

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.service.api.gate import SECURITY_HEADERS
from deepfakebench_ext.service.api.tokens import Caller, Tokens, read_tokens
from deepfakebench_ext.service.settings import Limits

ALICE, BOB, READER, ADMIN = "alice-0123456789", "bob-0123456789abc", "reader-0123456789", "admin-0123456789"
TOKENS = f"""
# who may call
alice read,submit {ALICE}
bob read,submit {BOB}  # a comment
reader read {READER}
root admin {ADMIN}
"""
OPEN = ["/", "/healthz", "/readyz", "/docs", "/docs/start.js", "/openapi.json"]
CLOSED = ["/v1/jobs", "/jobs", "/v1/models", "/metrics", "/v1/jobs/job_0", "/video/jobs/job_0/status"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("films") / "talk.mp4"
    videos.stamped_video(path, 10)
    return path.read_bytes()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    path = tmp_path_factory.mktemp("tokens") / "tokens.txt"
    path.write_text(TOKENS)
    return read_tokens(path)


@pytest.fixture
def guarded(tmp_path: Path, tokens: Tokens):
    with answering.answering(tmp_path / "data", tokens=tokens) as api:
        yield api


@pytest.fixture
def open_to_all(tmp_path: Path):
    with answering.answering(tmp_path / "data") as api:
        yield api


def posted(api: Api, token: str | None, film: bytes, **headers: str) -> httpx.Response:
    with api.client(token) as client:
        return client.post("/v1/video/analyze", files={"file": ("talk.mp4", film)}, headers=headers)


def test_what_says_nothing_of_jobs_is_open_and_all_else_asks_for_a_token(guarded: Api) -> None:
    with guarded.client() as client, guarded.client("wrong-0123456789") as wrong:
        assert [client.get(path).status_code for path in OPEN] == [200, 200, 503, 200, 200, 200]
        for each in (client, wrong):
            answers = [each.get(path) for path in CLOSED]
            assert [answer.status_code for answer in answers] == [401] * len(CLOSED)
            assert all("Bearer" in answer.headers["www-authenticate"] for answer in answers)
            assert all("give a token" in answer.json()["detail"] for answer in answers)


@pytest.mark.parametrize(
    "given", ["", "Bearer", "bearer x", f"Basic {ALICE}", ALICE, f"Bearer {ALICE}x", "Bearer \xff"]
)
def test_only_the_whole_token_counts(guarded: Api, given: str) -> None:
    with guarded.client() as client:
        answer = client.get("/v1/jobs", headers=[(b"authorization", given.encode("latin-1"))])
    assert answer.status_code == 401


def test_a_scope_allows_what_it_says(guarded: Api, film: bytes) -> None:
    with guarded.client(READER) as client:
        assert client.get("/v1/jobs").status_code == 200
    refused = posted(guarded, READER, film)
    assert refused.status_code == 403 and "may not submit" in refused.json()["detail"]
    assert posted(guarded, ALICE, film).status_code == 202
    assert posted(guarded, ADMIN, film).status_code == 202


def test_anothers_job_is_as_unknown_as_none(guarded: Api, film: bytes) -> None:
    job = posted(guarded, ALICE, film).json()["job_id"]
    paths = ["", "/result", "/video", "/events", "/report.html", "/keyframes/1.jpg"]
    with guarded.client(BOB) as bob:
        assert {bob.get(f"/v1/jobs/{job}{path}").status_code for path in paths} == {404}
        assert bob.post(f"/v1/jobs/{job}/cancel").status_code == 404
        assert bob.delete(f"/v1/jobs/{job}").status_code == 404
        assert bob.get(f"/video/jobs/{job}/status").status_code == 404
        assert bob.get("/v1/jobs", params={"before": job}).status_code == 404
        assert bob.get("/v1/jobs").json()["jobs"] == []
    assert posted(guarded, BOB, film).json()["is_new"]  # nor is it told that another has asked the same
    with guarded.client(ALICE) as alice, guarded.client(ADMIN) as admin:
        assert alice.get(f"/v1/jobs/{job}").json()["state"] == "queued"
        assert len(admin.get("/v1/jobs").json()["jobs"]) == 2


def test_a_caller_without_a_token_is_answered_before_its_body_is_read(guarded: Api) -> None:
    with guarded.connected() as connection:
        connection.sendall(
            b"POST /v1/video/analyze HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n"
            b"content-type: multipart/form-data; boundary=b\r\n\r\n"
        )
        status, _, detail = answer_of(connection)
    assert status == 401 and "give a token" in detail
    assert guarded.holds_nothing()


def test_whoever_guesses_tokens_is_slowed_down_as_well(tmp_path: Path, tokens: Tokens) -> None:
    limits = Limits(requests_per_s=1)
    with answering.answering(tmp_path / "data", tokens=tokens, limits=limits) as api, api.client() as client:
        codes = [client.get("/v1/jobs").status_code for _ in range(12)]
        assert codes[:10] == [401] * 10 and codes[-1] == 429
        last = client.get("/v1/jobs")
        assert int(last.headers["retry-after"]) >= 1 and "requests a second" in last.json()["detail"]
        with api.client(ALICE) as alice:  # from the same address
            assert alice.get("/v1/jobs").status_code == 200


def test_an_owner_with_too_many_jobs_is_told_to_wait(tmp_path: Path, film: bytes) -> None:
    with answering.answering(tmp_path / "data", limits=Limits(jobs=1, free_bytes=0)) as api, api.client() as client:
        first = client.post("/v1/video/analyze", files={"file": film}, data={"fps": "3"})
        second = client.post("/v1/video/analyze", files={"file": film}, data={"fps": "4"})
        assert (first.status_code, second.status_code) == (202, 429)
        assert int(second.headers["retry-after"]) > 0 and "1 of your jobs wait or run" in second.json()["detail"]
        assert len(api.serving.folders.uploads()) == 1
        job = first.json()["job_id"]
        client.post(f"/v1/jobs/{job}/cancel")
        client.post("/v1/video/analyze", files={"file": film}, data={"fps": "4"})
        again = client.post(f"/v1/jobs/{job}/retry")
        assert again.status_code == 429 and "1 of your jobs wait or run" in again.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/jobs", 200),
        ("HEAD", "/v1/jobs", 200),
        ("HEAD", "/healthz", 200),
        ("HEAD", "/v1/jobs/job_0/video", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/v1/jobs", 405),
        ("OPTIONS", "/v1/jobs", 405),
        ("GET", "/v1/jobs?limit=x", 422),
        ("GET", "/v1/jobs/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/v1/jobs/%00", 404),
        ("POST", "/v1/video/analyze", 422),
    ],
)
def test_every_answer_has_the_security_headers_and_none_opens_it_to_other_sites(
    open_to_all: Api, method: str, path: str, status: int
) -> None:
    with open_to_all.client() as client:
        answer = client.request(method, path, headers={"origin": "https://evil.example"})
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "server" not in answer.headers
    if status >= 400 and method != "HEAD":
        assert answer.json()["detail"]


def test_a_fault_of_the_service_has_them_too_and_tells_nothing_of_itself(
    open_to_all: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(type(open_to_all.serving.jobs), "listing", broken)
    with open_to_all.client() as client:
        answer = client.get("/v1/jobs")
    assert answer.status_code == 500 and "secret" not in answer.text
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "secret" in caplog.text


def test_what_is_no_http_is_refused_as_all_else(open_to_all: Api) -> None:
    with open_to_all.connected() as connection:
        connection.sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")
        status, headers, detail = answer_of(connection)
        assert connection.recv(1) == b""
    assert status == 400 and "no HTTP request" in detail
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_no_page_of_another_site_may_ask_anything_where_no_token_is_asked(open_to_all: Api, film: bytes) -> None:
    refused = posted(open_to_all, None, film, **{"sec-fetch-site": "cross-site"})
    assert refused.status_code == 403 and "another site" in refused.json()["detail"]
    assert open_to_all.holds_nothing()
    assert posted(open_to_all, None, film, **{"sec-fetch-site": "same-origin"}).status_code == 202


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "[::1]", "10.1.2.3"])
def test_a_local_service_answers_under_local_names(open_to_all: Api, host: str) -> None:
    with open_to_all.client() as client:
        assert client.get("/v1/jobs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", ""])
def test_a_name_that_was_turned_to_this_machine_is_not_answered(tmp_path: Path, open_to_all: Api, host: str) -> None:
    with open_to_all.client() as client:
        answer = client.get("/v1/jobs", headers={"host": host})
    assert answer.status_code == 403 and "localhost" in answer.json()["detail"]
    with answering.answering(tmp_path / "named", local_names=False) as api, api.client() as client:
        assert client.get("/v1/jobs", headers={"host": host}).status_code == 200


def test_the_log_has_routes_and_names_but_nothing_of_what_was_sent(
    guarded: Api, film: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="deepfakebench_ext")
    job = posted(guarded, ALICE, film).json()["job_id"]
    with guarded.client(ALICE) as client:
        client.get(f"/v1/jobs/{job}?secret=1")
        client.post("/v1/video/analyze", files={"file": ("private.mp4", b"no film")})
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("deepfakebench_ext"))
    assert "POST /video/analyze 202" in said and "GET /jobs/{job_id} 200" in said and "alice" in said
    assert not [
        word
        for word in (job, ALICE, "talk.mp4", "private", "secret", str(guarded.serving.folders.root))
        if word in said
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_an_address_that_others_reach_is_refused_without_tokens(tmp_path: Path, host: str) -> None:
    done = subprocess.run(
        services.command("serve", "--host", host, "--data_dir", str(tmp_path)), capture_output=True, text=True
    )
    assert done.returncode == 2 and "--token_file" in done.stderr and "--no_auth" in done.stderr


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("alice read,submit", "has 2 words"),
        (f"alice read,all {ALICE}", "scopes are read, submit, admin"),
        (f"a/b read {ALICE}", "a name has no spaces"),
        ("alice read short", "16 letters or more"),
        (f"alice read {ALICE}\nbob read {ALICE}", "given once"),
        ("# nobody\n", "has no token"),
    ],
)
def test_a_file_of_tokens_with_a_mistake_is_refused_without_repeating_a_token(
    tmp_path: Path, lines: str, said: str
) -> None:
    path = tmp_path / "tokens.txt"
    path.write_text(lines)
    with pytest.raises(ConfigError, match=said) as raised:
        read_tokens(path)
    assert ALICE not in str(raised.value)


def test_every_token_is_compared_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time does not tell which token came near, nor how near."""
    compared: list[tuple[bytes, bytes]] = []

    def counted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", counted)
    known = {f"token-{n}-0123456789": Caller(f"n{n}", frozenset({"read"})) for n in range(3)}
    found = Tokens(known).caller("token-0-0123456789")
    assert found is not None and found.owner == "n0" and len(compared) == 3


def test_an_image_of_another_owner_is_scored_anew(guarded: Api, tmp_path: Path) -> None:
    photo = tiny.photo(tmp_path / "p.png").read_bytes()
    for token in (ALICE, BOB):
        with guarded.client(token) as client:
            answer = client.post("/v1/image/score?wait=0", files={"file": ("p.png", photo)})
            assert answer.status_code == 202 and answer.json()["is_new"]
