"""A connection as uvicorn has it, which is closed where it brings no request, and whose errors are as all others."""

from __future__ import annotations

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from deepfakebench_ext.service.api.gate import SECURITY_HEADERS

_PATIENCE_S = 30.0


class Connection(H11Protocol):
    """Closes itself where for 30 s it is neither between requests nor has one that is worked on.

    So nobody holds it by headers that never end, or by a body that nobody wants any more.
    """

    _given_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the end of a body that came too late."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        super().connection_lost(exc)
        self._stop_watching()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request."""
        body = json.dumps({"detail": "this is no HTTP request, or its headers are too long"}).encode()
        headers = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        for event in (
            h11.Response(status_code=400, headers=[*headers, (b"connection", b"close")], reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_watching()
        elif self._given_up is None:
            self._given_up = self.loop.call_later(_PATIENCE_S, self.transport.close)

    def _stop_watching(self) -> None:
        if self._given_up is not None:
            self._given_up.cancel()
            self._given_up = None
