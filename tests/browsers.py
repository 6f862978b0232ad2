"""Debian's Chromium, driven by Playwright, without a network beyond this machine."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

STAMP = """() => {
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  canvas.width = 128;
  canvas.height = 96;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 128, 96);
  let number = 0;
  for (let bit = 0; bit < 16; bit++) {
    const [red, green, blue] = context.getImageData(32 * (bit % 4) + 16, 24 * (bit >> 2) + 12, 1, 1).data;
    if (red + green + blue > 384) number |= 1 << bit;
  }
  return number;
}"""
"""The number in the frame that the page's film shows (`videos.stamp`)."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("Playwright is not installed (pip install playwright)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, url: str, **context: Any) -> Iterator[Any]:
    """A page of a fresh session, at a URL. Whatever it logs as an error, or throws, fails the test."""
    session = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **context})
    page = session.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(url)
    try:
        yield page
    finally:
        session.close()
    assert not errors


def violations(page: Any) -> list[str]:
    """What axe finds against WCAG 2.2 AA."""
    if importlib.util.find_spec("axe_playwright_python") is None:
        pytest.skip("axe is not installed (pip install axe-playwright-python)")
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    return [f"{each['id']}: {node['html'][:200]}" for each in found.response["violations"] for node in each["nodes"]]


def sought(page: Any, frame: int) -> None:
    """Return once the film shows a frame."""
    page.wait_for_function(f"() => ({STAMP})() === {frame}", timeout=5000)


def click(page: Any, time_s: float) -> None:
    """Click into the chart where a time is."""
    page.locator(".slider").scroll_into_view_if_needed()
    box, length = page.locator(".slider").bounding_box(), float(page.get_attribute(".slider", "aria-valuemax"))
    page.mouse.click(box["x"] + box["width"] * time_s / length, box["y"] + 30)
