"""`dfb-ext compare`: the table, the sentences and the reports, from scores alone and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import deepfakebench_ext
from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.report.run_files import write_report

ROOT = Path(deepfakebench_ext.__file__).parents[1]


def csv(path: Path, shift: int, *, header: str = "key,label,score,video,age") -> Path:
    lines = [header]
    for n in range(60):
        score = ((7 * n + shift) % 23) / 46 + (0.1 if n % 2 else 0)
        lines.append(f"{n}.png,{n % 2},{score},v{n // 4},{('young', 'old')[n % 8 > 3]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def made_run(folder: Path, shift: float) -> Path:
    folder.mkdir()
    samples = [Sample(f"{n}.mp4", Path("x"), n % 2) for n in range(8)]  # type: ignore[arg-type]
    predictions = [
        Prediction(s.key, (n + shift + index) / 16, index=index, start_s=float(index))
        for n, s in enumerate(samples)
        for index in (0, 1)
    ]
    write_report(
        folder, samples, lambda: predictions, unit="frame", by_video=True, aggregation="mean", title="t",
        head="trained", notices=[], plots=False,
    )  # fmt: skip
    return folder


def run(*args: object, code: int = 0, output: Path | None = None) -> str:
    where = [] if output is None else ["--output_dir", output]
    arguments = ["compare", *args, *where, "--no_plots", "--no_bootstrap"]
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def test_the_table_and_the_sentences_are_printed_and_the_reports_written(tmp_path, out):
    text = run(csv(tmp_path / "a.csv", 1), csv(tmp_path / "b.csv", 5), output=out)
    assert "rank  detector  AUC" in text
    assert "2 detectors are compared on 30 videos (15 real, 15 fake)" in text
    assert "of 1 pair differs in video AUC beyond noise" in text
    assert sorted(path.name for path in out.iterdir()) == [
        "comparison.csv", "comparison.json", "report.html", "report.md",
    ]  # fmt: skip


def test_the_output_goes_to_comparison_unless_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(csv(tmp_path / "a.csv", 1), csv(tmp_path / "b.csv", 5))
    assert (tmp_path / "comparison/report.html").is_file()


def test_json_is_what_the_file_holds(tmp_path, out):
    text = run(csv(tmp_path / "a.csv", 1), csv(tmp_path / "b.csv", 5), "--json", output=out)
    assert text == (out / "comparison.json").read_text()
    assert json.loads(text)["level"] == "video"


def test_run_directories_go_with_files_of_others(tmp_path, out):
    theirs = tmp_path / "theirs.csv"
    theirs.write_text("name,truth,p\n" + "".join(f"{n}.mp4,{('real', 'fake')[n % 2]},0.{n + 1}\n" for n in range(8)))
    columns = ["--key_column", "name", "--label-column", "truth", "--score_column", "p"]
    (tmp_path / "same.csv").write_text(theirs.read_text())
    both = json.loads(run(theirs, tmp_path / "same.csv", *columns, "--level", "frame", "--json", output=out))
    assert [each["name"] for each in both["detectors"]] == ["theirs", "same"]
    plain = tmp_path / "plain.csv"
    plain.write_text(theirs.read_text().replace("name,truth,p", "key,label,score"))
    ours = made_run(tmp_path / "ours", 1)
    found = json.loads(run(ours, plain, "--row_level", "video", "--names", "ours, theirs", "--json", output=out))
    assert (found["level"], found["real"] + found["fake"]) == ("video", 8)
    assert [each["name"] for each in found["detectors"]] == ["ours", "theirs"]
    with pytest.raises(ConfigError, match="--row_level video"):
        run(ours, plain, "--level", "video", output=out)


def wide(path: Path) -> Path:
    """A column a detector; a fourth that holds no score, and one that holds 0 and 1 alone."""
    lines = ["id,truth,one,two,three,flag,millis"]
    for n in range(60):
        scores = [((7 * n + shift) % 23) / 46 + (0.3 if n % 2 else 0) for shift in (1, 5, 9)]
        cells = ["" if n == 3 else str(scores[0]), *map(str, scores[1:])]
        lines.append(f"{n}.png,{('real', 'fake')[n % 2]},{','.join(cells)},{n % 2},{n}.5")
    path.write_text("\n".join(lines) + "\n")
    return path


WIDE = ("--key_column", "id", "--label_column", "truth", "--score_column")


def test_a_column_a_detector_is_read_where_the_columns_are_named(tmp_path, out):
    found = json.loads(run(wide(tmp_path / "wide.csv"), *WIDE, "one, two,three", "--json", output=out))
    assert [each["name"] for each in found["detectors"]] == ["one", "two", "three"]
    assert [each["unscored"] for each in found["detectors"]] == [1, 0, 0]
    assert (found["real"], found["fake"]) == (30, 29)
    assert "wide.csv two" in (out / "report.md").read_text().replace("\\", "")


def test_a_wide_file_goes_beside_one_that_has_none_of_its_columns(tmp_path, out):
    one, both = csv(tmp_path / "a.csv", 1), wide(tmp_path / "wide.csv")
    found = json.loads(run(both, one, *WIDE, "two,three", "--level", "frame", "--json", output=out))
    assert [each["name"] for each in found["detectors"]] == ["two", "three", "a"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("one,,two", "must name columns, each once"),
        ("one,one", "must name columns, each once"),
        ("one,four", "--score_column 'four': none of the files has a column of that name"),
        ("one", "1 run to compare; give two or more run directories, files or --score_column a,b"),
    ],
)
def test_columns_that_are_no_two_detectors_are_usage(tmp_path, out, given, said):
    with pytest.raises(ConfigError, match=said):
        run(wide(tmp_path / "wide.csv"), *WIDE, given, output=out)


def test_the_level_and_the_rule_are_as_asked(tmp_path, out):
    runs = [made_run(tmp_path / "a", 0), made_run(tmp_path / "b", 1)]
    frames = json.loads(run(*runs, "--level", "frame", "--json", output=out))
    assert (frames["level"], frames["real"], frames["clustered"]) == ("frame", 8, True)
    videos = json.loads(run(*runs, "--aggregation", "max", "--json", output=out))
    assert [each["aggregation"] for each in videos["detectors"]] == ["max", "max"]


def test_by_takes_a_column_that_one_file_has(tmp_path, out):
    one, bare = csv(tmp_path / "a.csv", 1), csv(tmp_path / "b.csv", 5, header="key,label,score,video,other")
    found = json.loads(run(bare, one, "--by", "age", "--json", output=out))
    assert [group["name"] for group in found["breakdowns"]["age"]["groups"]] == ["old", "young"]
    with pytest.raises(ConfigError, match="--by size"):
        run(bare, one, "--by", "size", output=out)


def test_mistakes_are_usage_and_leave_nothing_behind(tmp_path, out):
    one = csv(tmp_path / "a.csv", 1)
    with pytest.raises(ConfigError, match="1 run to compare"):
        run(one, output=out)
    with pytest.raises(ConfigError, match="does not exist"):
        run(one, tmp_path / "none", output=out)
    turned = tmp_path / "turned.csv"
    turned.write_text(one.read_text().replace("\n7.png,1", "\n7.png,0"))
    with pytest.raises(ConfigError, match=r"'7\.png' is FAKE in a and REAL in turned"):
        run(one, turned, output=out)
    assert not out.exists()
    run(code=2)


@pytest.mark.parametrize(("option", "value"), [("--bootstrap", "7"), ("--seed", "-1")])
def test_numbers_that_no_bootstrap_takes_are_usage(tmp_path, out, option, value):
    one, other = csv(tmp_path / "a.csv", 1), csv(tmp_path / "b.csv", 5)
    result = CliRunner().invoke(cli, ["compare", str(one), str(other), option, value, "--output_dir", str(out)])
    assert isinstance(result.exception, ConfigError)
    assert f"{option} {value}" in str(result.exception)


def test_the_bootstrap_is_seeded(tmp_path, out):
    paths = [str(csv(tmp_path / "a.csv", 1)), str(csv(tmp_path / "b.csv", 5))]
    found = []
    for seed in ("1", "1", "2"):
        options = ["--bootstrap", "100", "--seed", seed, "--json", "--no_plots", "--output_dir", str(out)]
        result = CliRunner().invoke(cli, ["compare", *paths, *options])
        found.append(json.loads(result.stdout)["detectors"][0]["figures"]["video_ap"])
    assert found[0] == found[1] != found[2]


def test_it_imports_no_torch_and_no_transformers(tmp_path):
    one, other = csv(tmp_path / "a.csv", 1), csv(tmp_path / "b.csv", 5)
    code = (
        "import sys; from deepfakebench_ext.cli.main import cli;"
        f"cli(['compare', {str(one)!r}, {str(other)!r}, '--bootstrap', '100', '--output_dir', "
        f"{str(tmp_path / 'out')!r}], standalone_mode=False);"
        "heavy = {'torch', 'transformers', 'cv2', 'av', 'huggingface_hub'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_help_opens_with_examples_and_needs_nothing_heavy():
    code = (
        "import sys; from deepfakebench_ext.cli.main import cli;"
        "cli(['compare', '--help'], standalone_mode=False);"
        "assert not {'numpy', 'sklearn', 'PIL'} & set(sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert "dfb-ext compare" in found.stdout


def test_the_directory_of_a_run_is_refused_before_anything_is_read(tmp_path):
    folder = made_run(tmp_path / "run", 0)
    with pytest.raises(ConfigError, match="is the directory of a run, whose report would be lost"):
        run(tmp_path / "not_there.csv", tmp_path / "nor_there.csv", output=folder)


def test_the_runs_of_a_folder_are_compared_and_columns_named_behind_a_file(tmp_path, out):
    (tmp_path / "runs").mkdir()
    for number, name in enumerate(("a", "b")):
        made_run(tmp_path / "runs" / name, number)
    assert "2 detectors" in run(tmp_path / "runs", output=out)
    theirs = csv(tmp_path / "theirs.csv", 3, header="key,is_fake,prob,video,age")
    assert "2 detectors" in run(csv(tmp_path / "a.csv", 5), f"{theirs}:label=is_fake,score=prob", output=out)
