"""A detector behind HTTP, on loopback: what it answers is a test's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Seen = list[tuple[str, dict[str, str], bytes]]


@contextmanager
def serving(
    answer: Callable[[bytes], tuple[int, bytes]], *, wait_s: float = 0.0, port: int = 0, fall_after: int = 0
) -> Iterator[tuple[str, Seen]]:
    """Serve `answer`: body to status and text; status 0 ends the connection. Gives the URL and what was asked.

    After `fall_after` answers nothing listens any more.
    """
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, dict(self.headers), body))
            if len(seen) == fall_after:
                server.shutdown()
                server.socket.close()
            status, text = answer(body)
            time.sleep(wait_s)
            if not status:
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            with suppress(BrokenPipeError):  # who asked had not the patience
                self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that none outlives the test

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
