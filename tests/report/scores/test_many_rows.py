"""The figures of more rows than are held in memory are those of the rows in memory, wherever files and pieces end."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.common.protocol import EvaluationProtocol
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.metrics.summary import SummaryOptions, summarise
from deepfakebench_ext.report.run_files import write_report
from deepfakebench_ext.report.scores import csv_blocks, external_sort, many_rows
from deepfakebench_ext.report.scores.external_sort import SortedNumbers
from deepfakebench_ext.report.scores.many_rows import summary_of_many
from deepfakebench_ext.report.scores.score_files import ColumnNames, read_scores, table_at

HEADER = "key,label,index,score,status,video,dataset,method,compression,head"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(csv_blocks, "_BLOCK", 700)
    monkeypatch.setattr(many_rows, "_IN_A_FILE", 50)
    monkeypatch.setattr(external_sort, "HELD", 64)


def rows(kind, count=600):
    rng = np.random.default_rng(1)
    order = rng.permutation(count) if kind == "shuffled" else range(count)
    for number in order:
        video, frame = divmod(int(number), 5)
        label = ("0", "1", "1", "")[video % 4] if kind != "reals" else "0"
        label = "1" if kind == "shuffled" and video % 12 else label  # the one kind of which one class has most
        score = (
            ""
            if video % 7 == 3 or number % 11 == 2
            else repr(round(float(rng.beta(2 + video % 4, 3)), 2 if video % 2 else 17))
        )
        key = f"{video}.mp4" if kind in ("frames", "shuffled", "reals") else f"{video}/{frame}.png"
        named = f"v{video // 2}" if kind == "named" else ""
        index = frame if kind in ("frames", "shuffled", "reals") else 0
        status = "ok" if score else ("no_face", "unreadable")[video % 2]
        method = f"m{video % 3}" if label == "1" else ""
        yield f"{key},{label},{index},{score},{status},{named},set{video % 2},{method},c{video % 2},trained"


def written(path, lines, header=HEADER):
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def both(path, **options):
    columns = ColumnNames(**options)
    file = read_scores(path, columns=columns)
    known = summarise(file.table, SummaryOptions(), title=file.title, trained=file.trained)
    return known, summary_of_many(table_at(path), columns)


@pytest.mark.parametrize("kind", ["frames", "shuffled", "images", "named", "reals"])
def test_figures_counts_and_videos_are_those_in_memory(tmp_path, kind):
    known, found = both(written(tmp_path / "theirs.csv", rows(kind)))
    assert (known.title, known.trained, list(known.levels)) == (found.title, found.trained, list(found.levels))
    assert known.counts == found.counts
    for level, own in found.levels.items():
        assert own.statuses == known.levels[level].statuses
        assert own.auc_if_missing == known.levels[level].auc_if_missing
        for name, figure in own.figures.items():
            want = known.levels[level].figures[name]
            assert (figure.value, figure.reason) == (pytest.approx(want.value, abs=1e-12), want.reason)
            if name.endswith(("_auc", "_eer", "_accuracy", "_tpr_at_fpr_0.05")):
                assert figure.value == want.value
    if "video" in found.levels:
        assert found.levels["video"] == known.levels["video"]
        assert kind == "reals" or "are alike" in found.figures["frame_auc"].interval
    else:
        assert found.figures["frame_auc"].low == pytest.approx(known.figures["frame_auc"].low, abs=1e-12)
    kinds = {"turned_round", "other_threshold", "lopsided"}
    assert {n.text for n in found.warnings if n.kind in kinds} == {n.text for n in known.warnings if n.kind in kinds}
    assert any(notice.kind == "lopsided" for notice in found.warnings) is (kind == "shuffled")
    assert "600 rows are more than are held in memory" in found.said[0].text


def test_rows_without_a_status_or_a_head_are_read_as_in_memory(tmp_path):
    lines = [",".join([*row.split(",")[:-1], ""]).replace(",no_face,", ",,") for row in rows("frames")]
    known, found = both(written(tmp_path / "theirs.csv", lines))
    assert found.trained is known.trained is None
    assert sum(known.levels["frame"].statuses.values()) < 600
    for level, own in found.levels.items():
        assert own.statuses == known.levels[level].statuses


def test_of_a_run_it_knows_what_stands_beside_its_scores(tmp_path):
    samples = [Sample(f"{n}.mp4", "x", n % 2) for n in range(40)]
    cells = [(each.key, at, (7 * n + 13 * at) % 41 / 41) for n, each in enumerate(samples) for at in (0, 1)]
    scored = [Prediction(key, score, index=at) for key, at, score in cells]
    write_report(
        tmp_path, samples, lambda: scored, unit="clip", by_video=True, aggregation="max", title="t", head="untrained",
        notices=[untrained_head("w.pth", 0), Notice("run", "of tonight")], plots=False,
    )  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps({"weights": {"source": "org/detector"}}))
    figures = json.loads((tmp_path / "metrics.json").read_text())
    made = EvaluationProtocol(20, 20, 0, "ab" * 32, "2 clips", "none", "max")
    (tmp_path / "metrics.json").write_text(json.dumps({**figures, "protocol": made.to_json()}))
    file, found = read_scores(tmp_path), both_many(tmp_path)
    how = SummaryOptions(aggregation=file.aggregation)
    known = summarise(
        file.table, how, title=file.title, trained=file.trained, notices=file.notices, protocol=file.protocol
    )
    assert (found.title, found.trained, found.aggregation) == ("org/detector", False, "max")
    assert found.protocol == known.protocol == made
    assert list(found.levels) == ["clip", "video"]
    assert found.levels["video"] == known.levels["video"]
    assert found.notices[1:] == known.notices
    assert [notice.kind for notice in found.said].count("untrained") == 1
    others = summary_of_many(table_at(tmp_path), ColumnNames(), aggregation="mean")
    assert (others.aggregation, others.protocol.aggregation) == ("mean", "mean")


def test_rows_without_a_key_are_said_to_go_by_their_place(tmp_path):
    path = written(tmp_path / "theirs.csv", [f"{n % 2},{n / 200}" for n in range(200)], "label,score")
    assert both_many(path).notices[1:] == read_scores(path).notices != ()


def test_videos_too_many_to_be_held_have_their_figures_without_breakdowns(tmp_path, monkeypatch):
    path = written(tmp_path / "theirs.csv", rows("frames"))
    known = both_many(path).levels["video"]
    monkeypatch.setattr(many_rows, "MOST_IN_MEMORY", 100)
    found = both_many(path).levels["video"]
    assert (found.counts, found.statuses, found.breakdowns) == (known.counts, known.statuses, ())
    assert known.breakdowns
    for name, figure in found.figures.items():
        want = known.figures[name]
        assert figure.value == pytest.approx(want.value, abs=1e-12)
        assert (figure.low, figure.high) == pytest.approx((want.low, want.high), abs=1e-12)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7.mp4,1,3,0.5,ok,,set1,m1,c1,trained", r"line 602: '7.mp4' comes a second time.*\(first in .*line 40"),
        ("7.mp4,0,9,0.5,ok,,set1,m1,c1,trained", "line 602: '7.mp4' has another label here than before"),
        ("x.mp4,1,0,1.5,ok,,,,,trained", "line 602: the score '1.5' is not allowed"),
        ("x.mp4,1,0,0.5,no_face,,,,,trained", "line 602: status 'no_face' beside a score"),
        (",1,0,0.5,ok,,,,,trained", "line 602: the key is empty"),
        ("x.mp4,perhaps,0,0.5,ok,,,,,trained", "line 602: unknown label 'perhaps'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line(tmp_path, line, message):
    path = written(tmp_path / "theirs.csv", [*rows("frames"), line])
    for read in (lambda: read_scores(path), lambda: both_many(path)):
        with pytest.raises(ConfigError, match=message):
            read()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "0/0.png,0,0,0.5,ok,other,set0,m0,c0,trained",
            r"'0/0.png' comes a second time.*\(first in .*line 2",
        ),
        ("0/0.png,0,0,0.5,ok,,set0,m0,c0,trained", r"line 602: '0/0.png' comes a second time"),
        ("0/0.png,1,1,0.5,ok,v0,set0,m0,c0,trained", "line 602: '0/0.png' has another label here than before"),
    ],
)
def test_a_key_that_comes_again_in_another_video_is_named_by_its_line(tmp_path, line, message):
    path = written(tmp_path / "theirs.csv", [*rows("named"), line])
    for read in (lambda: read_scores(path), lambda: both_many(path)):
        with pytest.raises(ConfigError, match=message):
            read()


def test_reals_and_fakes_of_one_score_are_ties_wherever_the_sort_is_cut(tmp_path):
    labels = [1] * 1000 + [0] * 1000
    lines = [f"{row}.png,{label},0,{row % 5 / 4},ok,,,,,trained" for row, label in enumerate(labels)]
    known, found = both(written(tmp_path / "theirs.csv", lines))
    assert found.figures["frame_auc"].value == known.figures["frame_auc"].value == 0.5
    for name, figure in found.figures.items():
        assert figure.value == pytest.approx(known.figures[name].value, abs=1e-12)


def both_many(path):
    return summary_of_many(table_at(path), ColumnNames())


def test_the_command_takes_such_a_file_and_says_so(tmp_path, monkeypatch):
    path = written(tmp_path / "theirs.csv", rows("frames"))
    known = json.loads(CliRunner().invoke(cli, ["metrics", str(path), "--json", "--no_bootstrap"]).stdout)
    monkeypatch.setattr(many_rows, "MOST_IN_MEMORY", 200)
    done = CliRunner().invoke(cli, ["metrics", str(path), "--json", "--output_dir", str(tmp_path / "out")])
    found = json.loads(done.stdout)
    assert found["figures"]["video_auc"] == known["figures"]["video_auc"]
    assert found["figures"]["frame_auc"]["value"] == known["figures"]["frame_auc"]["value"]
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == found
    assert "600 rows are more than are held in memory" in done.stderr
    refused = CliRunner().invoke(cli, ["metrics", str(path), "--by", "method"])
    assert "--by takes up to 200 rows" in str(refused.exception)


def test_what_cannot_be_written_is_a_sentence(tmp_path, monkeypatch):
    path = written(tmp_path / "theirs.csv", rows("frames"))

    def full(values, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(external_sort, "_saved", full)
    with pytest.raises(OutputError, match="No space left on device; set TMPDIR"):
        both_many(path)


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_numbers_come_back_in_order_with_their_counts(tmp_path_factory, numbers, held, size):
    found = SortedNumbers(tmp_path_factory.mktemp("sort"), held=held)
    for first in range(0, len(numbers), size):
        found.add(np.array(numbers[first : first + size], np.uint64))
    pieces = [list(zip(keys.tolist(), counts.tolist(), strict=True))[::-1] for keys, counts in found.falling()]
    expected = {number: numbers.count(number) for number in sorted(numbers, reverse=True)}
    assert [pair for piece in pieces for pair in piece] == list(expected.items())
    assert all(len(piece) <= 4 * held + 1 for piece in pieces)
    lowest = {piece[-1][0] for piece in pieces if piece}
    assert not any(number % 2 and number - 1 in numbers for number in lowest)
