"""A folder of parts and a pattern are one table; a pattern of runs is each of them."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepfakebench_ext.cli.score_options import NO_COLUMNS, scores_at
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.report.scores.score_files import ColumnNames, read_scores

ROWS = [(f"{number}.png", number % 2, number / 10) for number in range(10)]


def csv_file(path, rows, header="key,label,score"):
    path.write_text(header + "\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))


def parquet_file(path, rows):
    pq.write_table(pa.table({name: [row[n] for row in rows] for n, name in enumerate(("key", "label", "score"))}), path)


@pytest.fixture(params=[csv_file, parquet_file])
def parts(request, tmp_path):
    folder, suffix = tmp_path / "parts", "csv" if request.param is csv_file else "parquet"
    folder.mkdir()
    for part, (first, end) in enumerate(((0, 4), (4, 4), (4, 9), (9, 10))):
        request.param(folder / f"part-{part}.{suffix}", ROWS[first:end])
    (folder / "_SUCCESS").touch()
    (folder / f".part-0.{suffix}.crc").write_bytes(b"x")
    return folder


def test_a_folder_of_parts_and_a_pattern_are_one_table_in_the_order_of_names(parts, tmp_path):
    csv_file(tmp_path / "whole.csv", ROWS)
    whole = read_scores(tmp_path / "whole.csv").table
    for typed in (parts, parts / "part-*", tmp_path / "**" / "part-?.*"):
        table = read_scores(typed).table
        assert table.scores.tolist() == whole.scores.tolist()
        assert list(table.key.names) == list(whole.key.names)
    assert read_scores(parts).title == "parts"


def test_a_table_that_lies_beside_parquet_files_is_named_as_left_aside(tmp_path, caplog):
    parquet_file(tmp_path / "a.parquet", ROWS[:4])
    csv_file(tmp_path / "b.csv", ROWS[4:])
    assert len(read_scores(tmp_path).table) == 4
    assert "left aside, beside Parquet files: b.csv; a pattern reads both" in caplog.text
    assert len(read_scores(tmp_path / "*.*").table) == 10


def test_cells_of_a_row_are_found_in_the_part_that_has_it(parts):
    assert read_scores(parts).cells(("key", "none"), [9, 0, 5]) == [("9.png", ""), ("0.png", ""), ("5.png", "")]


def test_a_key_in_two_parts_is_named_with_both(parts):
    suffix = next(parts.glob("part-0.*")).suffix
    (csv_file if suffix == ".csv" else parquet_file)(parts / f"part-4{suffix}", ROWS[5:6])
    row = "line 2" if suffix == ".csv" else "row 1"
    first = "line 3" if suffix == ".csv" else "row 2"
    with pytest.raises(ConfigError, match=rf"part-4.*, {row}: '5.png' comes a second .*\(first in .*part-2.*, {first}"):
        read_scores(parts)


def test_parts_of_other_columns_are_refused(tmp_path):
    csv_file(tmp_path / "a.csv", ROWS[:2])
    csv_file(tmp_path / "b.csv", ROWS[2:4], "key,label,prob")
    with pytest.raises(ConfigError, match=r"b\.csv and .*a\.csv have other columns, such as 'prob'"):
        read_scores(tmp_path)


def test_a_pattern_without_a_match_says_what_patterns_are(tmp_path):
    with pytest.raises(ConfigError, match=r"matches no file; patterns are"):
        read_scores(tmp_path / "*.parquet")


def test_a_pattern_of_runs_is_each_of_them_and_of_parts_one(tmp_path):
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        csv_file(tmp_path / run / "scores.csv", ROWS)
    said = dict(NO_COLUMNS)
    assert [path for path, _ in scores_at([f"{tmp_path}/*"], said)] == [str(tmp_path / run) for run in ("a", "b")]
    files = [path for path, _ in scores_at([f"{tmp_path}/*/scores.csv"], said)]
    assert files == [str(tmp_path / run / "scores.csv") for run in ("a", "b")]
    for run in ("a", "b"):
        (tmp_path / run / "scores.csv").rename(tmp_path / run / "part.csv")
    ((path, own),) = scores_at([f"{tmp_path}/*/part.csv:key=key,score=score"], said)
    assert (path, own["score_column"]) == (f"{tmp_path}/*/part.csv", "score")


def test_columns_are_named_for_all_parts(tmp_path):
    for name in ("a", "b"):
        csv_file(tmp_path / f"{name}.csv", [(f"{name}{row[0]}", *row[1:]) for row in ROWS], "key,is_fake,prob")
    found = read_scores(tmp_path / "?.csv", columns=ColumnNames(label="is_fake", score="prob"))
    assert len(found.table) == 20


@pytest.mark.parametrize(("part", "line"), [("a", 3), ("b", 2)])
def test_a_line_that_cannot_be_read_is_named_whichever_part_it_is_in(tmp_path, part, line):
    for name in ("a", "b", "c"):
        csv_file(tmp_path / f"{name}.csv", [(f"{name}{row[0]}", *row[1:]) for row in ROWS[: 1 if name == "b" else 2]])
    lines = (tmp_path / f"{part}.csv").read_text().splitlines()
    (tmp_path / f"{part}.csv").write_text("\n".join([*lines[:-1], f"{lines[-1]},7"]) + "\n")
    with pytest.raises(ConfigError, match=rf"{part}\.csv, line {line}: 4 cells under a header of 3"):
        read_scores(tmp_path)
