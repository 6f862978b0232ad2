"""Uploads that must be refused: each with a sentence, and nothing of it is left."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import answering
import bad_uploads
import pytest
from answering import Api, answer_of

from deepfakebench_ext.service.settings import Limits
from deepfakebench_ext.service.upkeep import delete

LIMITS = Limits(
    upload_bytes=1_000_000,
    duration_s=60,
    pixels=640 * 480,
    frames=200,
    free_bytes=0,
    requests_per_s=10_000,
    silence_s=1,
)
# Starlette leaves the file of a form without an end to be closed by the collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
FILMS = bad_uploads.bad_films("/etc/hostname")
IMAGES = bad_uploads.bad_images()
GOOD = bad_uploads.film()
B = "b0undary"
HEAD = f"POST /v1/video/analyze HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary={B}\r\n"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with answering.answering(tmp_path_factory.mktemp("bad") / "data", limits=LIMITS) as answers:
        yield answers


@pytest.fixture(autouse=True)
def _nothing_is_left(api: Api) -> Iterator[None]:
    yield
    made = api.serving.jobs.listing(None)
    for job in made:  # so that the tests after this one tell of themselves
        api.serving.jobs.request_cancel(job.id)
        delete(api.serving.jobs, api.serving.folders, job)
    assert not made
    end = time.monotonic() + 10
    while not api.holds_nothing() and time.monotonic() < end:
        time.sleep(0.05)  # what was broken off is removed when the server has seen it
    assert api.holds_nothing()


def check(api: Api, status: int, detail: str, *wanted: int) -> None:
    """A 4xx with a sentence, which tells nothing of the server."""
    assert status in wanted, (status, detail)
    assert len(detail) > 12 and " " in detail and detail.isprintable(), detail
    assert str(api.serving.folders.root) not in detail and ".part" not in detail and "Traceback" not in detail
    assert "deepfakebench_ext" not in detail and "<class" not in detail


def post(api: Api, path: str, content: bytes, name: str = "talk.mp4", **fields: str) -> tuple[int, str]:
    with api.client() as client:
        answer = client.post(path, files={"file": (name, content)}, data=fields)
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize("which", FILMS)
def test_what_is_no_film_or_too_much_of_one_is_refused(api: Api, which: str) -> None:
    check(api, *post(api, "/v1/video/analyze", FILMS[which]), 415)


@pytest.mark.parametrize("which", IMAGES)
def test_what_is_no_image_or_too_much_of_one_is_refused(api: Api, which: str) -> None:
    check(api, *post(api, "/v1/image/score", IMAGES[which], "face.png"), 415)


@pytest.mark.parametrize("path", ["/v1/video/analyze", "/v1/image/score", "/api/deepfakebench/analyze"])
def test_an_empty_file_is_refused(api: Api, path: str) -> None:
    status, detail = post(api, path, b"")
    check(api, status, detail, 400)
    assert detail == "talk.mp4: the file is empty"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\system32\\a.mp4", "a.mp4"),
        ("/", "unnamed"),
        ("a\x1b[31m\r\n.mp4", r"a\x1b[31m%0D%0A.mp4"),
        ("n" * 2_000 + ".mp4", "n" * 255),
        ("n" * 10_000 + ".mp4", ""),
        ("\u202egp.4pm", r"\u202egp.4pm"),
        ("'; DROP TABLE jobs; --.mp4", "'; DROP TABLE jobs; --.mp4"),
        ("film.mp4\x00.txt", "film.mp4%00.txt"),
    ],
)
def test_a_name_is_a_word_for_people_and_never_a_path(api: Api, name: str, shown: str) -> None:
    status, detail = post(api, "/v1/video/analyze", b"no film", name)
    check(api, status, detail, 400, 415)
    if status == 415:
        assert detail.startswith(f"{shown}: " if len(shown) < 255 else shown) and len(detail) < 600


BAD_FIELDS = [
    *({"fps": value} for value in ("NaN", "inf", "-inf", "1e400", "-1", "0", "abc", "0x10")),
    *({"threshold": value} for value in ("2", "-0.1", "nan", "half")),
    *({"min_face_px": value} for value in ("-1", "1.5", "1" + "0" * 400)),
    {"faces": "none"},
    {"frame_interval": "0"},
    {"frame_interval": "1" + "0" * 400},
    {"overlay": "maybe"},
    {"aggregation": "nonsense"},
    {"smooth_s": "-1"},
    {"min_on_s": "inf"},
    {"offset_below": "9", "threshold": "0.5"},
    {"model": "unknown"},
    {"model": "../../etc/passwd"},
    {"model": "a\x1b[31m"},
    {"videos": "/etc/passwd"},
    {"output_dir": "/tmp"},
    {"weights": "w.pth"},
    {"fps ": "5"},
    {"threshold": "9" * 5000},
    {f"field{n}": "x" for n in range(60)},
]


@pytest.mark.parametrize("fields", BAD_FIELDS, ids=lambda each: " ".join(each)[:40])
def test_a_field_that_is_not_allowed_is_refused(api: Api, fields: dict[str, str]) -> None:
    check(api, *post(api, "/v1/video/analyze", GOOD, **fields), 400, 422)


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "61", "1e400", "x"])
def test_a_wait_that_is_not_allowed_is_refused(api: Api, wait: str) -> None:
    check(api, *post(api, f"/v1/video/analyze?wait={wait}", GOOD), 422)


def part(name: str, content: bytes, filename: str | None = "a.mp4", more: str = "") -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--{B}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n{more}\r\n'.encode() + content + b"\r\n"


END = f"--{B}--\r\n".encode()
WHOLE = part("file", GOOD) + END
NO_FORMS = {
    "no boundary": ("multipart/form-data", WHOLE),
    "another boundary": ("multipart/form-data; boundary=other", WHOLE),
    "an empty boundary": ("multipart/form-data; boundary=", WHOLE),
    "a boundary of 10^4 letters": (f"multipart/form-data; boundary={'b' * 10_000}", WHOLE),
    "not JSON": ("application/json", b'{"file": "a.mp4"}'),
    "the file itself": ("video/mp4", GOOD),
    "no type": ("", WHOLE),
    "a query": ("application/x-www-form-urlencoded", b"file=a.mp4&fps=5"),
    "a query of 10^5 letters": ("application/x-www-form-urlencoded", b"file=" + b"a" * 100_000),
    "no file": (f"multipart/form-data; boundary={B}", part("fps", b"5", None) + END),
    "a file that is a text": (f"multipart/form-data; boundary={B}", part("file", b"/etc/passwd", None) + END),
    "a file by another name": (f"multipart/form-data; boundary={B}", part("video", GOOD) + END),
    "two files": (f"multipart/form-data; boundary={B}", part("file", GOOD) + part("file", GOOD) + END),
    "an option that is a file": (f"multipart/form-data; boundary={B}", part("fps", b"5") + END),
    "a part without a name": (
        f"multipart/form-data; boundary={B}",
        f"--{B}\r\nContent-Disposition: form-data\r\n\r\nx\r\n".encode() + END,
    ),
    "a part without a header": (f"multipart/form-data; boundary={B}", f"--{B}\r\n\r\nx\r\n".encode() + END),
    "a part of 10^4 headers": (
        f"multipart/form-data; boundary={B}",
        part("file", GOOD, more="X-A: b\r\n" * 10_000) + END,
    ),
    "a part with a header of 10^5 letters": (
        f"multipart/form-data; boundary={B}",
        part("file", GOOD, more=f"X-A: {'b' * 100_000}\r\n") + END,
    ),
    "no end": (f"multipart/form-data; boundary={B}", part("file", b"no film")[:-20]),
    "nothing": (f"multipart/form-data; boundary={B}", b""),
    "an end alone": (f"multipart/form-data; boundary={B}", END),
    "noise": (f"multipart/form-data; boundary={B}", bytes(range(256)) * 20),
}


@pytest.mark.parametrize("which", NO_FORMS)
def test_what_is_no_form_with_one_file_is_refused(api: Api, which: str) -> None:
    kind, body = NO_FORMS[which]
    with api.client() as client:
        answer = client.post("/v1/video/analyze", content=body, headers={"content-type": kind})
    check(api, answer.status_code, answer.json()["detail"], 400, 415, 422)


BEFORE_ANY_BODY = {
    "a length beyond the limit": (HEAD + "content-length: 3000000\r\n\r\n", 413),
    "a length of 10^19": (HEAD + f"content-length: {10**19}\r\n\r\n", 413),
    "a length of 10^30": (HEAD + f"content-length: {10**30}\r\n\r\n", 400),
    "a negative length": (HEAD + "content-length: -5\r\n\r\n", 400),
    "a length that is no number": (HEAD + "content-length: many\r\n\r\n", 400),
    "two lengths": (HEAD + "content-length: 5\r\ncontent-length: 6\r\n\r\n", 400),
    "10^4 headers": (HEAD + "x-a: b\r\n" * 10_000 + "\r\n", 400),
    "a header of 10^5 letters": (HEAD + f"x-a: {'b' * 100_000}\r\n\r\n", 400),
    "no host": ("POST /v1/video/analyze HTTP/1.1\r\ncontent-length: 0\r\n\r\n", 400),
    "no version": ("POST /v1/video/analyze\r\n\r\n", 400),
    "a coding that is not known": (HEAD + "transfer-encoding: gzip\r\n\r\n", 400),
    "chunks of no length": (HEAD + "transfer-encoding: chunked\r\n\r\nzz\r\n", 400),
}


@pytest.mark.parametrize("which", BEFORE_ANY_BODY)
def test_a_request_is_refused_by_its_head_before_its_body_is_read(api: Api, which: str) -> None:
    head, wanted = BEFORE_ANY_BODY[which]
    with api.connected() as connection:
        with contextlib.suppress(ConnectionError):  # refused while it was still being sent
            connection.sendall(head.encode("latin-1"))
        status, _, detail = answer_of(connection)
    check(api, status, detail, wanted, 431)


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_chunks_beyond_the_limit_are_refused_at_the_limit(api: Api) -> None:
    with api.connected() as connection:
        connection.sendall(HEAD.encode() + b"transfer-encoding: chunked\r\n\r\n" + chunk(part("file", b"")[:-2]))
        sent = 0
        with contextlib.suppress(ConnectionError):
            connection.settimeout(0.5)
            for _ in range(200):
                connection.sendall(chunk(bytes(65536)))
                sent += 65536
        connection.settimeout(60)
        status, _, detail = answer_of(connection)
    check(api, status, detail, 413)
    assert "1000000 bytes" in detail


def slowly(connection: socket.socket, body: bytes, pause_s: float) -> None:
    connection.sendall(HEAD.encode() + b"content-length: 100000\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for byte in body:
            connection.sendall(bytes([byte]))
            time.sleep(pause_s)


def test_a_body_of_which_nothing_comes_any_more_is_given_up(api: Api) -> None:
    with api.connected() as connection:
        slowly(connection, part("file", b"")[:20], 0)
        status, _, detail = answer_of(connection)
    check(api, status, detail, 408)


def test_a_body_that_comes_byte_by_byte_is_given_up(api: Api) -> None:
    with api.connected() as connection:
        slowly(connection, part("file", b"")[:60], 0.05)
        status, _, detail = answer_of(connection)
    check(api, status, detail, 408)


@pytest.mark.parametrize("sent", [0, 50, 5000])
def test_of_a_body_that_is_broken_off_nothing_is_left(api: Api, sent: int) -> None:
    with api.connected() as connection:
        connection.sendall(HEAD.encode() + b"content-length: 900000\r\n\r\n")
        connection.sendall((part("file", bytes(10_000)))[:sent])
    # and the server answers others
    check(api, *post(api, "/v1/video/analyze", b""), 400)


def test_a_length_that_is_too_short_cuts_the_form_off(api: Api) -> None:
    with api.connected() as connection:
        connection.sendall(HEAD.encode() + b"content-length: 100\r\n\r\n" + WHOLE)
        status, _, detail = answer_of(connection)
    check(api, status, detail, 400, 415, 422)
