"""The HTML report opens from disk: nothing is fetched, nothing runs, and no name escapes its place."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest
from blocks import EVERY_BLOCK, HOSTILE

from deepfakebench_ext.report.document import Document, Heading, Table
from deepfakebench_ext.report.html import to_html

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects tags with their attributes, and text; fails where tags do not close."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self._open = [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


PAGE = to_html(Document(HOSTILE, EVERY_BLOCK))


def test_hostile_names_stay_text_in_every_block():
    read = Reader(PAGE)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "iframe", "object", "link", "a", "form"})
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    assert sum("<script>alert(1)</script>" in text for text in read.text) >= len(EVERY_BLOCK) - 1


def test_every_picture_is_inside_the_file():
    sources = [attributes["src"] for tag, attributes in Reader(PAGE).tags if tag == "img"]
    assert len(sources) == 2
    assert all(source.startswith("data:image/") for source in sources)
    assert base64.b64decode(sources[0].partition(",")[2]) == b"\x89PNG"


def test_nothing_in_the_file_points_elsewhere():
    page = to_html(Document("t", [block for block in EVERY_BLOCK if not isinstance(block, Heading)]))
    assert not re.search(r"https?://|@import|url\(|src=\"(?!data:)|href", page)


def test_the_browser_is_told_to_fetch_and_run_nothing():
    (policy,) = [a["content"] for tag, a in Reader(PAGE).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy


def test_light_dark_and_print_are_styled():
    assert "prefers-color-scheme: dark" in PAGE
    assert "@media print" in PAGE
    assert PAGE.count("{") == PAGE.count("}")


def test_a_marked_row_and_a_severe_warning_stand_out():
    assert '<tr class="marked">' in PAGE
    assert '<div class="warning severe"' in PAGE
    assert '<tr class="marked">' not in to_html(Document("t", [Table(["a"], [["b"]])]))


def test_a_sample_whose_file_is_gone_says_so():
    assert PAGE.count("no picture") == 1


def test_a_table_must_be_as_wide_as_its_header():
    with pytest.raises(ValueError, match="2 cells under a header of 1"):
        Table(["a"], [["b", "c"]])
