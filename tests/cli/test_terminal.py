"""What a stranger's file is called reaches the terminal as letters alone; JSON stays JSON."""

from __future__ import annotations

import json
import logging

import pytest

from deepfakebench_ext.cli.terminal import LONGEST_LINE, SafeFormatter, safe_lines, say, say_json, warn

EVIL = "\x1b[31mred\x1b]0;title\x07\r\x9b2J\u202ename\udcff"


def test_lines_keep_their_breaks_and_lose_what_a_terminal_obeys(capsys):
    say(f"one {EVIL}\ntwo")
    printed = capsys.readouterr().out
    assert printed == "one \\x1b[31mred\\x1b]0;title\\x07\\r\\x9b2J\\u202ename\\udcff\ntwo\n"


def test_a_warning_is_one_line(capsys):
    warn(f"first\nsecond {EVIL}")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("WARNING: first\\nsecond \\x1b[31mred")


def test_json_is_printed_whole_and_reads_back(capsys):
    document = {"key": EVIL + "\x7f" + "換臉" + "x" * 2 * LONGEST_LINE}
    say_json(json.dumps(document, indent=2, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert json.loads(printed) == document
    assert "換臉" in printed
    assert all(c.isprintable() or c == "\n" for c in printed)


@pytest.mark.parametrize("count", [LONGEST_LINE, LONGEST_LINE + 1, 2**20])
def test_a_megabyte_of_a_line_is_cut_and_its_length_said(count):
    shown = safe_lines("a" * count)
    assert len(shown) <= LONGEST_LINE + 40
    assert (f"({count} characters)" in shown) == (count > LONGEST_LINE)


def test_log_lines_are_safe_too():
    record = logging.LogRecord("x", logging.WARNING, "x.py", 1, "file %s", (EVIL,), None)
    assert SafeFormatter("%(levelname)s %(message)s").format(record) == f"WARNING file {safe_lines(EVIL)}"


def test_where_an_error_came_from_is_said_without_the_secrets_of_urls():
    error = FileNotFoundError("https://user:correct-horse@host/a.png?token=correct-horse")
    record = logging.LogRecord("x", logging.DEBUG, "", 0, "from", None, (type(error), error, None))
    text = SafeFormatter("%(message)s").format(record)
    assert "FileNotFoundError: https://host/a.png" in text and "correct-horse" not in text
