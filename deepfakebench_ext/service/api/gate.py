"""What every request passes before its body is read: who calls, how often, and whether there is room for an upload."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfakebench_ext.service.api.pages import PAGE
from deepfakebench_ext.service.api.tokens import COOKIE, NOBODY, Caller, Tokens
from deepfakebench_ext.service.settings import Limits

_OPEN = ("/", "/healthz", "/readyz")
_SESSION = "/v1/session"
_READING = ("GET", "HEAD", "OPTIONS")
_BODY_TIMEOUT_S = 30.0
_BURST_S = 10.0
_MOST_BUCKETS = 10_000
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


@dataclass
class _Bucket:
    left: float
    at: float


class Gate:
    """Passes requests on, with their caller in `request.state.caller`, or answers them itself."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens | None, limits: Limits, free_bytes: Callable[[], int]) -> None:
        """Say who passes.

        Args:
            app: What is behind it.
            tokens: Those that are asked for; None asks for none.
            limits: How often, and how much room is left free.
            free_bytes: How much room there is.
        """
        self._app, self._tokens, self._limits, self._free_bytes = app, tokens, limits, free_bytes
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._reserved = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = _Answering(send)
        try:
            await self._passed(scope, receive, answering)
        except HTTPException as error:
            if answering.has_begun:
                raise
            await JSONResponse({"detail": error.detail}, error.status_code, error.headers)(scope, receive, answering)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        path, is_reading = scope["path"], scope["method"] in _READING
        if not is_reading:
            _check_site(headers)
        is_open = path in _OPEN or path.startswith(PAGE)
        caller = NOBODY if is_open else self._caller(headers, is_reading=is_reading)
        self._count(caller.owner or (scope.get("client") or ("",))[0])
        needed = "read" if is_reading or path == _SESSION else "submit"
        if not caller.may(needed):  # type: ignore[arg-type]  # one of the two
            raise HTTPException(403, f"this token may not {needed}; ask for one that may")
        scope.setdefault("state", {})["caller"] = caller
        reserved = self._reserve(headers) if scope["method"] == "POST" else 0
        try:
            await self._app(scope, _in_time(receive), send)
        finally:
            self._reserved -= reserved

    def _caller(self, headers: Headers, *, is_reading: bool) -> Caller:
        """Who calls: by a token, or, where nothing is changed, by the cookie of `session`."""
        if self._tokens is None:
            return NOBODY
        kind, _, token = headers.get("authorization", "").partition(" ")
        caller = self._tokens.caller(token.strip()) if kind.lower() == "bearer" else None
        if caller is None and is_reading and "authorization" not in headers:
            caller = self._tokens.reader(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""))
        if caller is None:
            raise HTTPException(
                401, "give a token of this service: Authorization: Bearer <token>", {"www-authenticate": "Bearer"}
            )
        return caller

    def _count(self, who: str) -> None:
        now, rate = time.monotonic(), self._limits.requests_per_s
        bucket = self._buckets.setdefault(who, _Bucket(rate * _BURST_S, now))
        self._buckets.move_to_end(who)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        bucket.left = min(bucket.left + (now - bucket.at) * rate, rate * _BURST_S)
        bucket.at = now
        if bucket.left < 1:
            raise HTTPException(429, f"more than {rate:g} requests a second; wait a second", {"retry-after": "1"})
        bucket.left -= 1

    def _reserve(self, headers: Headers) -> int:
        """Room for the body twice: as it comes, and in its place."""
        length = headers.get("content-length", "")
        size = int(length) if length.isdecimal() and len(length) < 20 else self._limits.upload_bytes
        if size > self._limits.upload_bytes:
            return 0  # refused as too large, by what is behind
        if self._free_bytes() - self._reserved - 2 * size < self._limits.free_bytes:
            raise HTTPException(507, "the disk of this service is too full for this upload; try again later")
        self._reserved += 2 * size
        return 2 * size


def _check_site(headers: Headers) -> None:
    """Pass what no page of another site has a browser send: forms need no permission to be posted anywhere."""
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HTTPException(403, "a page of another site may change nothing here")


def _in_time(receive: Receive) -> Receive:
    """Give up a body of which nothing comes any more."""

    async def received() -> Message:
        try:
            return await asyncio.wait_for(receive(), _BODY_TIMEOUT_S)
        except TimeoutError as error:
            raise HTTPException(408, f"nothing came for {_BODY_TIMEOUT_S:g} s; send it again") from error

    return received


class _Answering:
    """Sends on, with headers that every answer has unless it has its own."""

    def __init__(self, send: Send) -> None:
        self._send, self.has_begun = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
