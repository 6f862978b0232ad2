"""Blocks that NumPy cuts have the cells that Python's reader finds, whatever stands in them and wherever they end."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.report.scores import csv_blocks
from deepfakebench_ext.report.scores.csv_blocks import CsvSource
from deepfakebench_ext.report.scores.csv_cells import BadRowError
from deepfakebench_ext.report.scores.score_files import read_scores

CELLS = st.one_of(
    st.sampled_from(["", "a", "0.5", "1", "'=1", "'", r"\udcff", r"\\udcff", "a,b", 'q"', "é\n", "\r", " x "]),
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=6),
)
OURS = "key,path,label,score,status,head"


def listed(source):
    return [
        tuple(cells)
        for piece in source.pieces(source.header)
        for cells in zip(*(piece.texts(name) for name in source.header), strict=True)
    ]


@given(
    rows=st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=12),
    header=st.sampled_from([OURS, "a,b,c,d,e,f"]),
    end=st.sampled_from(["\n", "\r\n"]),
    block=st.integers(1, 60),
    cut=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_cells_are_those_of_pythons_reader(tmp_path_factory, rows, header, end, block, cut):
    text = io.StringIO()
    for row in [header.split(","), *rows]:
        has_return = "\r" in "".join(row)  # which some Pythons leave bare
        csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL).writerow(row)
    written = text.getvalue()[: -len(end)] if cut else text.getvalue()
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_text(written, encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_blocks, "_BLOCK", block)
        patched.setattr(csv_blocks, "_ROWS", 3)
        source = CsvSource(path)
        with csv_blocks.open_csv(path) as (_, expected):
            assert listed(source) == [tuple(row) for row in expected]
        assert source.count() == len(rows)


@pytest.mark.parametrize("block", [7, 40, 1 << 22])
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,1,0.5", "b,0,0.25,7"], "line 3: 4 cells under a header of 3"),
        (["a,1,0.5", "", "b,0"], "line 4: 2 cells under a header of 3"),
        (["a,1,0.5", "b,0,nan"], "line 3: the score 'nan' is not allowed"),
        (["a,1,0.5", "b,0,half"], "line 3: the score 'half' is no number"),
        (["a,1,0.5", "b,0,1.5"], "line 3: the score '1.5' is not allowed"),
        (["a,1,0.5", "b,0,0." + "1" * 40, "c,1,2"], "line 4: the score '2' is not allowed"),
        (["a,1,0.5", "b,maybe,0.5"], "line 3: unknown label 'maybe'"),
        (["a,1,0.5", "b,0,0.5", "a,1,0.5"], r"line 4: 'a' comes a second time.* \(first in line 2\)"),
        (['"a\nb",1,0.5', "b,0,2"], "line 4: the score '2'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line_wherever_blocks_end(
    tmp_path, monkeypatch, block, lines, message
):
    monkeypatch.setattr(csv_blocks, "_BLOCK", block)
    path = tmp_path / "theirs.csv"
    path.write_text("\n".join(["key,label,score", *lines]) + "\n", encoding="utf-8", newline="")
    with pytest.raises(ConfigError, match=message):
        read_scores(path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_bytes(b"key,label,score\na\xff,1,0.5\n")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8 CSV"):
        read_scores(path)


def test_numbers_are_read_as_python_reads_them(tmp_path):
    cells = ["0.1", "1e-3", "0.30000000000000004", "5e-324", " 0.5 ", "1", "", "0.12345678901234567890123456789012345"]
    path = tmp_path / "theirs.csv"
    path.write_text("label,score\n" + "".join(f"1,{cell}\n" for cell in cells))
    scores = read_scores(path).table.scores.tolist()
    assert [repr(score) for score in scores] == [repr(float(cell or "nan")) for cell in cells]


def test_a_piece_counts_the_rows_of_its_errors_from_the_first_of_the_file():
    with pytest.raises(BadRowError) as raised, csv_blocks.counted_from(10):
        raise BadRowError("no", 1, 0)
    assert raised.value.rows == (11, 10)
