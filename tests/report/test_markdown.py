"""The Markdown report: tables that hold, names that do no harm, pictures by their files."""

from __future__ import annotations

import re

from blocks import EVERY_BLOCK, HOSTILE

from deepfakebench_ext.report.document import (
    Code,
    Document,
    Gallery,
    Heading,
    Picture,
    Pictures,
    Table,
    Thumb,
    Warnings,
)
from deepfakebench_ext.report.markdown import escaped, to_markdown


def test_hostile_names_stay_text_in_every_block_but_code():
    blocks = [block for block in EVERY_BLOCK if not isinstance(block, Code)]
    text = to_markdown(Document(HOSTILE, blocks))
    assert "<" not in text
    assert "&lt;script&gt;" in text
    assert "\u202e" not in text


def test_cells_keep_to_their_column_whatever_they_hold():
    text = to_markdown(Document("t", [Table(["a|b", "c"], [["x | y\n| z", "[link](http://x)"]])]))
    header, rule, row = text.strip().splitlines()[-3:]
    assert rule == "| --- | --- |"
    for line in (header, row):
        assert len(re.findall(r"(?<!\\)\|", line)) == 3
    assert r"\[link\](http://x)" in row


def test_marked_rows_are_bold_where_they_hold_something():
    text = to_markdown(Document("t", [Table(["a", "b"], [["x", ""], ["y", "z"]], frozenset({0}))]))
    assert "| **x** |  |" in text
    assert "| y | z |" in text


def test_pictures_are_named_by_their_files():
    text = to_markdown(Document("t", [Pictures([Picture("roc", "ROC curve", b"")])]), prefix="figures/")
    assert "![ROC curve](figures/roc.png)" in text


def test_samples_are_listed_with_what_is_known_of_them():
    text = to_markdown(Document("t", [Gallery([Thumb("a_b.png", ["FAKE", "scored 0.1"], b"jpeg")])]))
    assert text.endswith("- a\\_b.png: FAKE, scored 0.1\n")


def test_code_is_fenced_by_more_ticks_than_it_holds():
    text = to_markdown(Document("t", [Code("a\n````\nb", "All")]))
    assert text.endswith("All:\n\n`````\na\n````\nb\n`````\n")


def test_headings_and_warnings_have_their_marks():
    text = to_markdown(Document("t", [Heading("part"), Warnings(["one", "two"])]))
    assert text == "# t\n\n## part\n\n> **Warning:** one\n>\n> **Warning:** two\n"


def test_letters_of_every_script_stay_as_they_are():
    assert escaped("換臉 è.png") == "換臉 è.png"
