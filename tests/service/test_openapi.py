"""The API's description: it says what is answered, whatever is asked; and its page needs nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import answering
import pytest
import schemathesis
from answering import Api
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 15
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with answering.answering(tmp_path_factory.mktemp("openapi") / "data") as answers:
        yield answers


def test_whatever_is_asked_is_answered_as_described(api: Api) -> None:
    """Neither a 5xx, nor a status, a type or a shape that the description does not have."""
    described = schemathesis.openapi.from_url(f"http://127.0.0.1:{api.port}/openapi.json")
    asked = []
    for operation in (found.ok() for found in described.get_all_operations()):
        ask(operation)
        asked.append(operation.label)
    assert len(asked) >= 20, asked


def ask(operation: Any) -> None:
    """Ask whatever the description allows, and what it does not."""
    # Without a worker /readyz has to answer 503.
    checks = CHECKS[1:] if operation.path == "/readyz" else CHECKS

    @settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)))
    def each(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=checks, timeout=60)

    each()


def test_the_page_loads_everything_from_the_service(api: Api) -> None:
    with api.client() as client:
        page = client.get("/docs")
        named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        kinds = [client.get(f"/{name}").headers["content-type"].partition(";")[0] for name in named]
        missing = client.get("/docs/other.js")
    assert kinds == ["text/css", "image/png", "text/javascript", "text/javascript"]
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert missing.status_code == 404 and missing.json()["detail"]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")
def test_a_browser_shows_each_path_under_the_pages_policy(api: Api, tmp_path: Path) -> None:
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--enable-logging=stderr"]
    url = f"http://127.0.0.1:{api.port}/docs"
    shown = subprocess.run(
        [str(CHROMIUM), *options, "--virtual-time-budget=20000", "--dump-dom", url],
        capture_output=True,
        text=True,
        timeout=120,
    )
    for path in ("/v1/video/analyze", "/v1/jobs", "/metrics", "/video/jobs/"):
        assert f'data-path="{path}' in shown.stdout, shown.stderr
    assert "Content Security Policy" not in shown.stderr
