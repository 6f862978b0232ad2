"""Every cell that is written reads back, and none is a formula to a spreadsheet; a broken quote is an error."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.common.csv_files import OURS, open_csv, restored, write_csv, written
from deepfakebench_ext.common.errors import ConfigError

COLUMNS = [*sorted(OURS), "more"]
# Names of files: any bytes but NUL, those that are no text as lone surrogates.
CELLS = st.text(st.characters(exclude_characters="\0")) | st.text("\\ud\udcff\udc80\ud800xcf8=' ", max_size=16)


@given(cell=CELLS | st.text("=+-@\t\r'1.e ", max_size=6))
def test_every_cell_comes_back_and_none_is_a_formula(cell):
    assert restored(written(cell)) == cell
    assert not written(cell).startswith(("=", "@", "\t=", "\r="))


@pytest.mark.parametrize(
    ("one", "other"),
    [("\udcff.png", r"\udcff.png"), ("\udcff.png", r"\xff.png"), (r"\\udcff", r"\udcff"), ("\\\udcff", "\\\\udcff")],
)
def test_no_two_names_are_written_alike(one: str, other: str):
    assert written(one) != written(other)
    assert [restored(written(cell)) for cell in (one, other)] == [one, other]


@pytest.mark.parametrize("name", ["a.png", r"C:\new\users\a.png", r"\xff.png", r"\udc", "換臉.png"])
def test_other_names_are_written_as_they_are(name: str):
    assert written(name) == restored(name) == name


@pytest.mark.parametrize("number", ["-1", "+1", "-0.25", "1e-5", "-1e5"])
def test_numbers_stay_numbers(number):
    assert written(number) == number


@given(cells=st.lists(CELLS, min_size=len(COLUMNS), max_size=len(COLUMNS)))
def test_a_row_of_ours_reads_back(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write_csv(path, COLUMNS, [dict(zip(COLUMNS, cells, strict=True))])
    with open_csv(path) as (header, rows):
        assert header == COLUMNS
        assert list(rows) == [cells]


def test_cells_of_others_are_taken_as_they_are(tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text("key,label,score\n'=1,0,0.5\n")
    with open_csv(path) as (_, rows):
        assert list(rows) == [["'=1", "0", "0.5"]]


@pytest.mark.parametrize("line", ['"a"x,1', '"a,1'])
def test_a_quote_that_does_not_end_a_cell_is_an_error(tmp_path, line):
    path = tmp_path / "a.csv"
    path.write_text(f"key,label\n{line}\n")
    with pytest.raises(ConfigError, match=r"a\.csv cannot be read as UTF-8 CSV"), open_csv(path) as (_, rows):
        list(rows)


def test_a_column_of_no_name_is_an_error_and_a_missing_one_is_empty(tmp_path: Path):
    with pytest.raises(ValueError, match="'other'"):
        write_csv(tmp_path / "a.csv", ["one", "two"], [{"other": "1"}])
    write_csv(tmp_path / "a.csv", ["one", "two"], [{"two": "2"}])
    assert list(csv.reader((tmp_path / "a.csv").read_text().splitlines())) == [["one", "two"], ["", "2"]]
