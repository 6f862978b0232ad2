"""`dfb-ext metrics`: from scores alone, without torch, in lines, JSON and reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import deepfakebench_ext
from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice, untrained_head
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.report.run_files import write_report
from deepfakebench_ext.report.scores import score_files

ROOT = Path(deepfakebench_ext.__file__).parents[1]


def csv(path: Path, count: int = 40, *, start: int = 0) -> Path:
    lines = ["key,label,score,video,method,compression"]
    for n in range(start, start + count):
        score = ((7 * n + 5) % 23) / 46 + (0.4 if n % 2 else 0)
        method = ("DF", "FS")[n // 4 % 2] if n % 2 else ""
        lines.append(f"{n}.png,{n % 2},{score},v{n // 4},{method},{('c23', 'c40')[n // 4 % 3 > 0]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*args: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["metrics", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout if "--json" in args else result.output


def test_lines_say_every_level_group_and_warning(tmp_path):
    text = run(csv(tmp_path / "a.csv"), "--no_bootstrap")
    assert "40 frames: 40 scored (20 real, 20 fake), 0 not scored" in text
    assert "20 videos: 20 scored" in text
    assert "video_auc, method DF" in text
    assert "video_auc, compression c40" in text
    printed = CliRunner().invoke(cli, ["metrics", str(tmp_path / "a.csv"), "--no_bootstrap"])
    assert "WARNING" not in printed.stdout
    assert printed.stderr.count("WARNING: only 10 videos are REAL") == 1


def test_json_is_the_document_and_of_several_files_one_of_each(tmp_path):
    one, two = csv(tmp_path / "a.csv"), csv(tmp_path / "b.csv", start=100)
    alone = json.loads(run(one, "--no_bootstrap", "--json"))
    assert alone["title"] == "a"
    both = json.loads(run(one, two, "--no_bootstrap", "--json"))
    assert both[str(one)] == alone
    assert set(both) == {str(one), str(two)}


def test_the_bootstrap_is_seeded(tmp_path):
    path = csv(tmp_path / "a.csv")
    first, again, other = (
        json.loads(run(path, "--bootstrap", 100, "--seed", seed, "--json"))["figures"]["frame_ap"] for seed in (1, 1, 2)
    )
    assert first == again != other
    assert first["low"] < first["value"] < first["high"]


def test_a_run_is_recomputed_by_its_own_rule(tmp_path):
    samples = [Sample(f"{n}.mp4", Path("x"), n % 2) for n in range(4)]  # type: ignore[arg-type]
    predictions = [
        Prediction(s.key, (n + 3 * index) / 8, index=index) for n, s in enumerate(samples) for index in (0, 1)
    ]
    report = write_report(
        tmp_path, samples, lambda: predictions, unit="clip", by_video=True, aggregation="max", title="t",
        head="untrained", notices=[untrained_head()], plots=False,
    )  # fmt: skip
    document = json.loads(run(tmp_path, "--no_bootstrap", "--json"))
    assert (document["aggregation"], document["head"]) == ("max", "untrained")
    for name, figure in report.figures.items():
        assert document["figures"][name]["value"] == figure.value
    assert json.loads(run(tmp_path, "--aggregation", "mean", "--no_bootstrap", "--json"))["aggregation"] == "mean"


def test_columns_of_others_are_named(tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text("name,truth,p,clip\na,fake,0.9,1\nb,real,0.2,2\nc,fake,0.1,1\n")
    names = ["--key_column", "name", "--label-column", "truth", "--score_column", "p", "--video_column", "clip"]
    document = json.loads(run(path, *names, "--no_bootstrap", "--json"))
    assert document["figures"]["video_auc"]["value"] == 1.0
    with pytest.raises(ConfigError, match="--label_column NAME"):
        run(path)


WIDE = (
    "key,label,one,t/o,flag,seconds,note\na,1,0.9,0.4,1,7.5,x\nb,0,0.2,0.6,0,9,y\nc,1,0.7,,1,8,z\nd,0,0.1,0.5,0,0.5,\n"
)


def test_a_column_a_detector_is_a_document_and_a_folder_each(tmp_path):
    path, out = tmp_path / "wide.csv", tmp_path / "out"
    path.write_text(WIDE)
    columns = ("--score_column", "one, t/o", "--no_bootstrap")
    found = json.loads(run(path, *columns, "--json"))
    run(path, *columns, "--no_plots", "--output_dir", out)
    assert [found[f"{path} {name}"]["figures"]["frame_auc"]["value"] for name in ("one", "t/o")] == [1.0, 0.0]
    assert [found[f"{path} {name}"]["counts"]["frame"]["not_scored"] for name in ("one", "t/o")] == [0, 1]
    assert sorted(folder.name for folder in out.iterdir()) == ["wide-one", "wide-t_o"]
    assert run(path, "--score_column", "one", "--no_bootstrap").startswith("wide\n")


def test_which_of_several_columns_is_the_score_is_never_guessed(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(WIDE)
    with pytest.raises(ConfigError, match=r"several that hold numbers from 0 to 1; .*: --score_column one,t/o$"):
        run(path)
    with pytest.raises(ConfigError, match=r"has no column 'two'.*as --score_column says"):
        run(path, "--score_column", "one,two")
    path.write_text(WIDE.replace("0.6", "0.6s"))
    with pytest.raises(ConfigError, match=r"no column 'score' .*name it: --score_column NAME"):
        run(path)


def test_a_name_with_a_comma_is_one_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('key,label,"p, fake"\na,1,0.9\nb,0,0.2\n')
    document = json.loads(run(path, "--score_column", "p, fake", "--no_bootstrap", "--json"))
    assert document["figures"]["frame_auc"]["value"] == 1.0


def test_by_takes_columns_of_the_file_or_of_its_manifest(tmp_path):
    path, manifest = csv(tmp_path / "a.csv"), tmp_path / "manifest.csv"
    rows = [f"{n}.png,{('young', 'old')[n % 8 > 3]}" for n in range(40)]
    manifest.write_text("path,age\n" + "\n".join(rows) + "\n")
    document = json.loads(run(path, "--by", "compression, video", "--no_bootstrap", "--json"))
    assert list(document["breakdowns"]["frame"]) == ["compression", "video"]
    document = json.loads(run(path, "--manifest", manifest, "--by", "age,method", "--no_bootstrap", "--json"))
    assert [group["name"] for group in document["breakdowns"]["frame"]["age"]["groups"]] == ["old", "young"]
    with pytest.raises(ConfigError, match="age"):
        run(path, "--by", "age")


def test_a_threshold_and_a_calibration_come_from_another_file(tmp_path):
    path, other = csv(tmp_path / "a.csv"), csv(tmp_path / "val.csv", start=100)
    text = run(path, "--threshold_from", other, "--calibrate", "temperature", "--calibrate_on", other, "--no_bootstrap")
    assert "video_accuracy_at_threshold" in text
    assert f"calibrated on {other}: temperature" in text
    with pytest.raises(ConfigError, match="go together"):
        run(path, "--calibrate", "platt")


def test_files_of_one_content_under_both_labels_are_found_on_request(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"same")
    path = tmp_path / "s.csv"
    path.write_text(f"path,label,score\n{tmp_path}/a.png,0,0.1\n{tmp_path}/b.png,1,0.9\n")
    assert "same content under both labels" in run(path, "--check_files")
    assert "same content" not in run(path)


def test_reports_are_written_for_each_input(tmp_path):
    one, two = csv(tmp_path / "a.csv"), csv(tmp_path / "b.csv", start=100)
    out = tmp_path / "out"
    run(one, "--no_bootstrap", "--output_dir", out, "--no_plots")
    assert sorted(path.name for path in out.iterdir()) == ["metrics.json", "report.html", "report.md"]
    run(one, two, one, "--no_bootstrap", "--output_dir", tmp_path / "several", "--no_plots")
    assert sorted(path.name for path in (tmp_path / "several").iterdir()) == ["a", "a-2", "b"]


def test_a_file_is_looked_for_beside_the_scores_and_what_is_gone_is_counted(tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a.png", "b.png"):
        (data / name).write_bytes(b"same")
    path = data / "s.csv"
    path.write_text("path,label,score\na.png,0,0.1\nb.png,1,0.9\ngone.png,1,0.9\n")
    monkeypatch.chdir(tmp_path)
    text = run(path, "--check_files")
    assert "2 files, such as a.png (REAL) and b.png (FAKE), have the same content" in text
    assert "1 of 3 files was not found, and its content was not compared" in text
    assert "not found" not in run(path)


def a_run(folder: Path, *, notices: list[Notice] | None = None) -> Path:
    folder.mkdir(parents=True)
    samples = [Sample(f"{n}.png", folder / f"{n}.png", n % 2) for n in range(4)]  # type: ignore[arg-type]
    for sample in samples[:2]:
        sample.path.write_bytes(b"same")
    write_report(
        folder, samples, lambda: [Prediction(s.key, 0.5) for s in samples], unit="frame", by_video=False,
        aggregation="mean", title="t", head="trained", notices=notices or [], plots=False,
    )  # fmt: skip
    return folder


def test_the_directory_of_a_run_is_refused_before_anything_is_read(tmp_path):
    one, other = a_run(tmp_path / "one"), a_run(tmp_path / "out/other")
    before = {path: path.read_bytes() for path in other.iterdir()}
    with pytest.raises(ConfigError, match="out/other is the directory of a run, whose report would be lost"):
        run(one, "--output_dir", other)
    with pytest.raises(ConfigError, match="out/other is the directory of a run"):  # of several: a folder each
        run(one, csv(tmp_path / "other.csv"), "--output_dir", tmp_path / "out")
    with pytest.raises(ConfigError, match="is the directory of a run"):
        run(tmp_path / "not_there.csv", "--output_dir", other)
    assert {path: path.read_bytes() for path in other.iterdir()} == before


def test_the_report_of_a_run_whose_name_has_dots_goes_by_the_whole_name(tmp_path):
    runs = [a_run(tmp_path / name) for name in ("clip-v1.1", "clip-v1.2")]
    out = tmp_path / "out"
    run(*runs, csv(tmp_path / "a.b.csv"), "--no_bootstrap", "--output_dir", out, "--no_plots")
    assert sorted(path.name for path in out.iterdir()) == ["a.b", "clip-v1.1", "clip-v1.2"]


def test_reports_go_by_the_names_of_runs_whichever_of_their_files_is_given(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"label": [0, 1], "score": [0.25, 0.75]}), tmp_path / name / "scores.parquet")
    files = [tmp_path / name / "scores.parquet" for name in ("one", "two")]
    run(*files, "--no_bootstrap", "--no_plots", "--output_dir", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one", "two"]


def test_a_file_that_a_threshold_comes_from_is_read_once_for_all_inputs(tmp_path, monkeypatch):
    read, reader = [], score_files.read_scores
    monkeypatch.setattr(
        score_files, "read_scores", lambda path, **how: read.append(Path(path).name) or reader(path, **how)
    )
    one, two, other = (csv(tmp_path / f"{name}.csv", start=at) for at, name in ((0, "a"), (100, "b"), (200, "val")))
    run(one, two, "--threshold_from", other, "--no_bootstrap")
    assert sorted(read) == ["a.csv", "b.csv", "val.csv"]


def test_what_a_run_has_warned_of_already_is_said_once(tmp_path):
    text = run(a_run(tmp_path / "run"), "--check_files", "--no_bootstrap")
    assert text.count("have the same content under both labels") == 1


def test_a_column_of_videos_that_is_called_key_is_told_so_and_then_read(tmp_path):
    path = tmp_path / "vk.csv"
    rows = [f"vid{n // 3}.mp4,{n // 3 % 2},0.{n + 1}" for n in range(9)]
    path.write_text("key,label,score\n" + "\n".join(rows) + "\n")
    with pytest.raises(ConfigError, match=r"If 'key' names a video .*: --video_column key; .* --key_column NAME"):
        run(path)
    document = json.loads(run(path, "--video_column", "key", "--no_bootstrap", "--json"))
    assert (document["counts"]["frame"]["total"], document["counts"]["video"]["total"]) == (9, 3)
    assert any("go by their place" in text for text in document["notices"])


def test_numbers_that_no_bootstrap_takes_are_usage(tmp_path):
    with pytest.raises(ConfigError, match="--bootstrap 7"):
        run(csv(tmp_path / "a.csv"), "--bootstrap", 7)


def test_it_imports_no_torch_and_no_transformers(tmp_path):
    path = csv(tmp_path / "a.csv")
    code = (
        "import sys; from deepfakebench_ext.cli.main import cli;"
        f"cli(['metrics', {str(path)!r}, '--bootstrap', '100', '--output_dir', {str(tmp_path / 'out')!r}],"
        " standalone_mode=False);"
        "heavy = {'torch', 'transformers', 'cv2', 'av', 'huggingface_hub'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_help_opens_with_examples_and_needs_nothing_heavy():
    code = (
        "import sys; from deepfakebench_ext.cli.main import cli;"
        "cli(['metrics', '--help'], standalone_mode=False);"
        "assert not {'numpy', 'sklearn', 'PIL'} & set(sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert "dfb-ext metrics" in found.stdout


def test_columns_of_one_file_are_named_behind_it_and_a_folder_of_runs_is_each_of_them(tmp_path):
    lines = csv(tmp_path / "a.csv").read_text().replace("key,label,score,", "key,is_fake,prob,", 1)
    (tmp_path / "theirs.csv").write_text(lines)
    both = json.loads(
        run(tmp_path / "a.csv", f"{tmp_path}/theirs.csv:label=is_fake,score=prob", "--no_bootstrap", "--json")
    )
    ours, theirs = both.values()
    assert ours["figures"] == theirs["figures"]
    with pytest.raises(ConfigError, match="has no column 'is_fak'; did you mean 'is_fake'"):
        run(f"{tmp_path}/theirs.csv:label=is_fak", "--no_bootstrap")
    for name in ("one", "two"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        csv(tmp_path / "runs" / name / "scores.csv")
    assert list(json.loads(run(tmp_path / "runs", "--no_bootstrap", "--json"))) == [
        f"{tmp_path}/runs/one/scores.csv",
        f"{tmp_path}/runs/two/scores.csv",
    ]
