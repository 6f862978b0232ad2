"""Scores come back from every file that holds them, and what cannot be used is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.report.run_files import write_report
from deepfakebench_ext.report.scores.csv_blocks import CsvSource
from deepfakebench_ext.report.scores.score_files import ColumnNames, read_scores
from deepfakebench_ext.report.seen import Seen


def written(tmp_path: Path, text: str, name: str = "theirs.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def run(folder: Path, predictions: list[Prediction], **options: Any) -> Path:
    folder.mkdir()
    keys = dict.fromkeys(p.key for p in predictions)
    samples = [Sample(key, Path("in") / key, int("fake" in key), dataset="D") for key in keys]  # type: ignore[arg-type]
    settings: dict[str, Any] = {
        "unit": "frame", "by_video": False, "aggregation": "mean", "title": "t", "head": "trained", "notices": [],
        "plots": False, **options,
    }  # fmt: skip
    write_report(folder, samples, lambda: predictions, **settings)
    (folder / "run.json").write_text(json.dumps({"weights": {"source": "org/detector"}}))
    return folder


def keys(table):
    return [table.key.text(row) for row in range(len(table))]


# --- our own --------------------------------------------------------------------------------------------------------


def test_a_run_directory_comes_back_to_the_last_bit(tmp_path):
    scores = [0.1 + 0.2, 1 / 3, 5e-324]
    folder = run(tmp_path / "run", [Prediction(f"fake/{n}.png", s) for n, s in enumerate(scores)])
    found = read_scores(folder)
    assert found.table.scores.tolist() == scores
    assert (found.title, found.trained, found.table.level) == ("org/detector", True, "frame")
    assert found.run == {"weights": {"source": "org/detector"}}
    assert [found.table.dataset.text(0), found.table.status.text(0)] == ["D", "ok"]
    assert not found.table.has_videos
    assert read_scores(folder / "scores.csv").table.scores.tolist() == scores


def test_frames_of_videos_share_a_key_and_know_their_number_and_rule(tmp_path):
    rows = [Prediction("fake/a.mp4", 0.5, index=0), Prediction("fake/a.mp4", None, "no_face", "none", index=1)]
    found = read_scores(run(tmp_path / "run", rows, by_video=True, aggregation="max"))
    assert (found.table.has_videos, found.aggregation) == (True, "max")
    assert found.table.index.tolist() == [0, 1]
    assert [found.table.status.text(row) for row in range(2)] == ["ok", "no_face"]


def test_a_run_says_that_its_rows_are_clips(tmp_path):
    found = read_scores(run(tmp_path / "run", [Prediction("fake/a.mp4", 0.5)], unit="clip", by_video=True))
    assert found.table.level == "clip"


def test_scores_alone_tell_clips_by_their_ends_and_videos_by_their_names(tmp_path):
    folder = run(tmp_path / "run", [Prediction("fake/a.mp4", 0.5, start_s=0.0, end_s=1.0)], unit="clip", by_video=True)
    alone = tmp_path / "moved.csv"
    (folder / "scores.csv").rename(alone)
    found = read_scores(alone)
    assert (found.table.level, found.table.has_videos, found.title) == ("clip", True, "moved")


def test_a_table_of_videos_is_read_as_such(tmp_path):
    folder = run(tmp_path / "run", [Prediction("fake/a.mp4", 0.5), Prediction("real/b.mp4", 0.25)], by_video=True)
    found = read_scores(folder / "videos.csv")
    assert (found.table.level, found.table.has_videos, found.title) == ("video", False, "org/detector")


def test_an_untrained_head_and_the_notices_are_remembered(tmp_path):
    found = read_scores(
        run(tmp_path / "run", [Prediction("a.png", 0.5)], head="untrained", notices=[Notice("run", "noise")])
    )
    assert (found.trained, found.notices) == (False, (untrained_head(), Notice("run", "noise")))


def test_notices_are_read_back_by_kind_and_those_of_scores_are_found_anew(tmp_path):
    said = [Notice("faceless", "3 frames show no face"), Notice("few_samples", "only 1 frame is REAL: of older scores")]
    folder = run(tmp_path / "run", [Prediction("a.png", 0.5)], notices=said)
    assert read_scores(folder).notices == (said[0],)
    older = json.loads((folder / "metrics.json").read_text())
    del older["notice_records"]
    (folder / "metrics.json").write_text(json.dumps(older))
    assert read_scores(folder).notices == tuple(Notice("run", text) for text in older["notices"])


@pytest.mark.parametrize("records", ["noise", [1], {"kind": "run"}, None])
def test_notices_that_no_run_writes_are_refused(tmp_path, records):
    folder = run(tmp_path / "run", [Prediction("a.png", 0.5)])
    (folder / "metrics.json").write_text(json.dumps({"notice_records": records}))
    with pytest.raises(ConfigError, match=r"metrics\.json is not what a run writes; remove it"):
        read_scores(folder)


def test_paths_are_read_for_the_rows_that_ask(tmp_path):
    found = read_scores(run(tmp_path / "run", [Prediction(f"fake/{n}.png", 0.5) for n in range(600)]))
    assert found.paths([599, 0]) == [str(Path("in/fake/599.png")), str(Path("in/fake/0.png"))]
    assert found.paths([]) == []


def test_what_was_scored_is_read_for_the_rows_that_ask(tmp_path):
    seen = Prediction("fake/a.mp4", 0.5, frame=7, frame_file="007.png", bbox_px=(1.5, 2.0, 3.0, 4.0))
    found = read_scores(run(tmp_path / "run", [seen, Prediction("fake/b.mp4", 0.5)], by_video=True))
    path = str(Path("in/fake/a.mp4"))
    assert found.looks([1, 0]) == [Seen(path[:-5] + "b.mp4"), Seen(path, 7, "007.png", (1.5, 2.0, 3.0, 4.0))]


def test_columns_of_others_that_are_no_frame_and_no_box_say_nothing(tmp_path):
    text = f"path,label,score,frame,face_x0,face_x1\na,1,0.5,{'9' * 5000},1,2\nb,0,0.5,first,,\n"
    assert read_scores(written(tmp_path, text)).looks([0, 1]) == [Seen("a"), Seen("b")]


def test_a_run_that_was_cut_off_says_how_to_end_it(tmp_path):
    (tmp_path / "scores.jsonl").write_text("")
    with pytest.raises(ConfigError, match="was cut off; the command that began it"):
        read_scores(tmp_path)


def test_a_folder_of_runs_names_them(tmp_path):
    run(tmp_path / "one", [Prediction("a.png", 0.5)])
    with pytest.raises(ConfigError, match=r"holds no scores\.csv; the runs in it are one"):
        read_scores(tmp_path)


def test_the_runs_of_a_folder_are_named_in_order_and_no_more_than_five(tmp_path):
    for name in ("d", "b", "f", "a", "e", "c"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "key,label,score\n", "scores.csv")
    with pytest.raises(ConfigError, match=r"the runs in it are a, b, c, d, e, \.\.\.$"):
        read_scores(tmp_path)


@pytest.mark.parametrize("name", ["metrics.json", "FF_eval_20250101_101010.json", "evaluation_summary.json"])
def test_figures_without_scores_are_said_to_be_so(tmp_path, name):
    with pytest.raises(ConfigError, match="holds figures, and no scores"):
        read_scores(written(tmp_path, "{}", name))


def test_a_journal_is_no_file_of_scores(tmp_path):
    with pytest.raises(ConfigError, match=r"journal of a run; give the run directory"):
        read_scores(written(tmp_path, "{}", "scores.jsonl"))


def test_what_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        read_scores(tmp_path / "nowhere")


# --- those of others ------------------------------------------------------------------------------------------------


def test_columns_of_others_are_named(tmp_path):
    text = "clip;who;p;truth\na.png;x;0.25;real\nb.png;x;0.75;FAKE\nc.png;;;\n"
    names = ColumnNames(label="truth", score="p", key="clip", video="who")
    found = read_scores(written(tmp_path, text), columns=names)
    assert keys(found.table) == ["a.png", "b.png", "c.png"]
    assert found.table.labels.tolist() == [0, 1, -1]
    assert found.table.scores.tolist() == pytest.approx([0.25, 0.75, np.nan], nan_ok=True)
    assert [found.table.status.text(row) for row in range(3)] == ["ok", "ok", "not_scored"]
    assert found.table.has_videos
    assert found.trained is None


def test_path_label_score_need_no_naming(tmp_path):
    found = read_scores(written(tmp_path, "\ufeffpath\tlabel\tscore\na\t1.0\t1e-3\nb\t0\t1\n", "theirs.tsv"))
    assert keys(found.table) == ["a", "b"]
    assert found.table.labels.tolist() == [1, 0]


def test_further_columns_are_kept_where_asked_for(tmp_path):
    text = "key,label,score,compression,split,note\na,1,0.5,c23,test,x\nb,0,0.5,,train,y\n"
    found = read_scores(written(tmp_path, text), keep=["compression"])
    assert sorted(found.table.columns) == ["compression", "split"]
    assert [found.table.columns["compression"].text(row) for row in range(2)] == ["c23", ""]
    with pytest.raises(ConfigError, match="no column 'codec'; it has key, label"):
        read_scores(written(tmp_path, text), keep=["codec"])


def test_labels_as_pandas_writes_them_are_read(tmp_path):
    path = written(tmp_path, "key,label,score\na,True,0.9\nb,False,0.1\nc,true,0.8\n")
    assert read_scores(path).table.labels.tolist() == [1, 0, 1]


def test_a_relative_path_holds_from_here_then_from_the_folder_of_the_scores(tmp_path, monkeypatch):
    data = tmp_path / "data"
    for folder, names in ((data, ("both.png", "beside.png")), (tmp_path, ("both.png", "here.png"))):
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).touch()
    names = ["both.png", "beside.png", "here.png", "gone.png", ""]
    rows = "".join(f"{n},{name},1,0.5\n" for n, name in enumerate(names))
    found = read_scores(written(data, "key,path,label,score\n" + rows))
    monkeypatch.chdir(tmp_path)
    assert found.paths(range(5)) == ["both.png", str(data / "beside.png"), "here.png", "gone.png", ""]


def test_a_column_with_another_role_is_no_key_as_well(tmp_path):
    path = written(tmp_path, "key,label,score\nv,1,0.5\nv,1,0.7\nw,0,0.1\n")
    found = read_scores(path, columns=ColumnNames(video="key"))
    assert keys(found.table) == ["row 1", "row 2", "row 3"]
    assert found.table.video_names() == ["fake/v", "real/w"]
    path = written(tmp_path, "key,path,label,score\nv,a,1,0.5\nv,b,1,0.7\n")
    assert keys(read_scores(path, columns=ColumnNames(video="key")).table) == ["a", "b"]


def test_a_column_without_a_name_is_no_key(tmp_path):
    path = written(tmp_path, ",label,score\n7,1,0.5\n7,0,0.7\n")
    assert keys(read_scores(path).table) == ["row 1", "row 2"]


def test_rows_that_only_have_a_number_are_not_each_a_video(tmp_path):
    path = written(tmp_path, "label,score,index\n1,0.5,0\n1,0.7,1\n")
    assert not read_scores(path).table.has_videos


def test_rows_without_a_key_go_by_their_place_and_say_so(tmp_path):
    found = read_scores(written(tmp_path, "label,score\n1,0.5\n0,0.5\n"))
    assert keys(found.table) == ["row 1", "row 2"]
    assert "no key" in found.notices[0].text


def test_the_level_is_said_where_the_file_cannot(tmp_path):
    path = written(tmp_path, "label,score,key\n1,0.5,a\n")
    assert read_scores(path).table.level == "frame"
    assert read_scores(path, level="video").table.level == "video"
    with pytest.raises(ConfigError, match="--level 'film' is not known"):
        read_scores(path, level="film")  # type: ignore[arg-type]


def test_no_rows_are_read_as_none(tmp_path):
    assert len(read_scores(written(tmp_path, "key,label,score\n")).table) == 0


BAD = [
    ("a,1,nan", "line 3: the score 'nan' is not allowed"),
    ("a,1,1.5", "line 3: the score '1.5' is not allowed: a score is P.fake. from 0 to 1"),
    ("a,1,-0.1", "line 3: the score '-0.1' is not allowed"),
    ("a,1,inf", "line 3: the score 'inf' is not allowed"),
    ("a,1,high", "line 3: the score 'high' is no number"),
    ("a,maybe,0.5", "line 3: unknown label 'maybe'; write 0 or real"),
    ("a,2,0.5", "line 3: unknown label '2'"),
    ("a,real_fake,0.5", "line 3: unknown label 'real_fake'"),
    ("z,1,0.5", r"line 3: 'z' comes a second time.*first in line 2\)"),
    ("y,1,0.5\ny,1,0.5\nz,0,0.5", r"line 4: 'y' comes a second time.*first in line 3\)"),
    (",1,0.5", "line 3: the key is empty"),
    ("a,1", "line 3: 2 cells under a header of 3"),
    ("a,b,1,0.5", "line 3: 4 cells under a header of 3"),
]


@pytest.mark.parametrize(("row", "message"), BAD)
def test_a_row_that_cannot_be_used_is_refused_with_its_line(tmp_path, row, message):
    with pytest.raises(ConfigError, match=message):
        read_scores(written(tmp_path, f"key,label,score\nz,0,0.5\n{row}\n"))


def test_the_line_is_counted_over_blank_lines_breaks_in_cells_and_pieces(tmp_path):
    rows = "".join(f"k{n},1,0.5\n" for n in range(1000))
    path = written(tmp_path, f'key,label,score\n\n"a\nb",1,0.5\n{rows}bad,1,2\n')
    with pytest.raises(ConfigError, match="line 1005: the score '2'"):
        read_scores(path)
    assert CsvSource(path).place_of(0) == f"{path}, line 4"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1,0.5,no_face,0\n", "status 'no_face' beside a score"),
        ("a,1,,ok,0\n", "status 'ok' beside no score"),
        ("a,1,0.5,ok,0\na,1,0.5,ok,0\n", "'a' comes a second time"),
        ("a,1,0.5,ok,0\na,0,0.5,ok,1\n", "'a' has another label here than before"),
        ("a,1,0.5,ok,-1\n", "the index '-1' is not allowed"),
        ("a,1,0.5,ok,1.5\n", "the index '1.5' is not allowed"),
        ("a,1,0.5,ok,99999999999999999999\n", "the index '9+' is not allowed"),
    ],
)
def test_status_and_index_are_checked(tmp_path, rows, message):
    with pytest.raises(ConfigError, match=message):
        read_scores(written(tmp_path, f"key,label,score,status,index\n{rows}"))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("key,labels,score", r"no column 'label' \(did you mean 'labels'\?\); name it: --label_column NAME"),
        ("key,label,p_fake", r"no column 'score' \(it has 'key', 'label', 'p_fake'\); name it: --score_column"),
        ("key,label,score,score", "the column 'score' twice"),
        ("", "is empty"),
    ],
)
def test_a_header_that_lacks_something_says_what_to_type(tmp_path, header, message):
    with pytest.raises(ConfigError, match=message):
        read_scores(written(tmp_path, f"{header}\n" if header else ""))


def test_a_named_column_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match=r"no column 'prob' \(it has .*\), as --score_column says"):
        read_scores(written(tmp_path, "key,label,score\n"), columns=ColumnNames(score="prob"))


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_bytes(b"key,label,score\n\xff\xfe,1,0.5\n")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8 CSV"):
        read_scores(path)
