"""One file to an API, and P(fake) out of its answer."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from deepfakebench_ext.engine.own.answers import score_of, shown

FIELD = "score"
_CHUNK_BYTES = 1 << 20
_MOST_BYTES = 1 << 20
_PAUSE_S = 0.5


class UnreachableError(Exception):
    """Nothing answers at the URL."""


def ask(url: str, path: str, limit_s: float) -> float | str:
    """Return what an API says of one file: P(fake), or the reason why there is none.

    The file goes as the field `file` of a form, under a name without meaning: its own may say the label. No proxy is
    asked and no redirect followed.

    Raises:
        UnreachableError: There is no connection to it for half the limit.
    """
    parts = urlsplit(url)
    connection = _connected(parts, limit_s)
    try:
        _send(connection, parts, Path(path))
        return _said(connection.getresponse())
    except TimeoutError:
        return f"the API did not answer within {limit_s:g} s"
    except (HTTPException, ConnectionError) as error:
        return f"the API ended the connection without an answer ({type(error).__name__})"
    except OSError as error:
        return f"it could not be sent: {error.strerror or error}"
    finally:
        connection.close()


def _connected(parts: SplitResult, limit_s: float) -> HTTPConnection:
    """The connection, tried again for half the limit: a server that fell may be coming back."""
    assert parts.hostname is not None
    until = time.monotonic() + limit_s / 2
    kind = HTTPSConnection if parts.scheme.lower() == "https" else HTTPConnection
    while True:
        connection = kind(parts.hostname, parts.port, timeout=limit_s)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            if time.monotonic() + _PAUSE_S > until:
                raise UnreachableError(str(error)) from error
            time.sleep(_PAUSE_S)
        else:
            return connection


def _send(connection: HTTPConnection, parts: SplitResult, path: Path) -> None:
    boundary = secrets.token_hex(16)
    suffix = "".join(c for c in path.suffix.lower() if c == "." or (c.isascii() and c.isalnum()))
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="sample{suffix}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size

        def body() -> Iterator[bytes]:
            yield head
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
            yield tail

        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
            "Accept": "application/json",
        }
        connection.request("POST", target, body(), headers)


def _said(response: HTTPResponse) -> float | str:
    text = response.read(_MOST_BYTES + 1)
    if 300 <= response.status < 400:
        where = shown(response.getheader("Location"))
        return f"the API answered {response.status}, a redirect to {where}, which is not followed"
    if response.status != 200:
        return f"the API answered {response.status}: {shown(text[:200].decode(errors='replace'))}"
    try:
        answer = json.loads(text) if len(text) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or FIELD not in answer:
        said = shown(text[:200].decode(errors="replace"))
        return f'the API answered {said}, and not {{"{FIELD}": P(fake)}}'
    return score_of(answer[FIELD])
