"""`dfb-ext leaderboard`: one table for each protocol, best first, and the hub's YAML as its own library reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import EvalResultEntry, parse_eval_result_entries

from deepfakebench_ext.cli.leaderboard import leaderboard
from deepfakebench_ext.cli.main import run
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.report.run_files import write_report

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the verb in this process; gives exit code, stdout, stderr."""

    def _run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: leaderboard([str(argument) for argument in arguments]))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


def made(
    name: str, scores: Sequence[float | None], *, title: str = "", content: str = "c", head: Any = "trained"
) -> Path:
    """A run of as many samples, the second half of them fakes; a content of `""` is that of an older version."""
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"sampling": {"policy": "uniform"}, "weights": {"source": title}}))
    samples = [Sample(f"{n}.png", f"{n}.png", 1 if n >= len(scores) / 2 else 0) for n in range(len(scores))]
    predictions = [
        Prediction(s.key, score, "ok" if score is not None else "failed", content=content and f"{content}{n}")
        for n, (s, score) in enumerate(zip(samples, scores, strict=True))
    ]
    (folder / "scores.jsonl").write_text("")
    os.utime(folder / "scores.jsonl", (1_767_225_600, 1_767_225_600))  # 2026-01-01
    write_report(
        folder,
        samples,
        lambda: predictions,
        unit="frame",
        by_video=False,
        aggregation="mean",
        title=title or name,
        head=head,
        notices=(),
        plots=False,
    )
    return folder


GOOD, MIDDLING, BAD = (0.1, 0.2, 0.8, 0.9), (0.1, 0.8, 0.2, 0.9), (0.9, 0.8, 0.2, 0.1)


def rows(markdown: str) -> list[list[str]]:
    """The cells of the tables' rows, an empty list between two tables."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if "|" in line]
    return [cells for cells in lines if "detector" not in cells and not set("".join(cells)) <= {"-", " ", ":"}]


def test_the_best_stands_first_with_its_interval(command: Command) -> None:
    made("a", MIDDLING), made("b", GOOD), made("c", BAD)
    code, out, _ = command("runs")
    assert code == 0
    assert [(row[0], row[1], row[2].split(" ")[0]) for row in rows(out)] == [
        ("1", "b", "1.0000"),
        ("2", "a", "0.7500"),
        ("3", "c", "0.0000"),
    ]
    assert "0.7500 (0." in out
    digest = json.loads(Path("runs/a/metrics.json").read_text())["protocol"]["digest"]
    assert f"Protocol {digest} (frames)" in out
    assert "4 samples (2 real, 2 fake) of content" in out


def test_two_protocols_are_two_tables_and_an_unknown_one_has_no_ranks(command: Command) -> None:
    made("a", GOOD), made("b", BAD), made("other", MIDDLING, content="d"), made("older", GOOD, content="")
    _, out, _ = command("runs")
    assert "2 protocols, so as many tables" in out
    parts = out.split("## ")[1:]
    assert [[row[:2] for row in rows(part)] for part in parts] == [
        [["1", "a"], ["2", "b"]],
        [["1", "other"]],
        [["", "older"]],
    ]
    assert parts[2].startswith("Unknown protocol (frames)")


def test_untrained_undefined_and_incomplete_runs_say_so(command: Command) -> None:
    made("noise", GOOD, head="untrained"), made("half", (0.1, None, 0.4, 0.9)), made("none", (None, None, 0.4, 0.9))
    _, out, _ = command("runs")
    assert [(row[0], row[1], row[5]) for row in rows(out)] == [
        ("1", "half", "3 of 4"),
        ("", "none", "2 of 4"),
        ("", "noise (UNTRAINED)", "4 of 4"),
    ]
    assert "none: AUC is undefined, only fake samples" in out
    assert "2 detectors did not score all samples" in out


def test_html_is_one_file_in_which_names_are_text(command: Command) -> None:
    made("a", GOOD, title="<script>x</script>")
    assert command("runs", "--format", "html", "--output", "page/board.html")[0] == 0
    page = Path("page/board.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page


def test_the_hub_reads_what_is_written_for_it(command: Command) -> None:
    made("a", MIDDLING), made("b", GOOD)
    about = ("--dataset_id", "org/bench-1", "--task_id", "frames", "--source_url", "https://example.org/run")
    assert command("runs", "--format", "eval_results", "--output", "out", *about)[0] == 0
    (entry,) = parse_eval_result_entries(yaml.safe_load(Path("out/a/.eval_results/org_bench-1.yaml").read_text()))
    metrics = json.loads(Path("runs/a/metrics.json").read_text())
    figure = metrics["figures"]["frame_auc"]
    assert entry == EvalResultEntry(
        dataset_id="org/bench-1",
        task_id="frames",
        value=0.75,
        date="2026-01-01",
        source_url="https://example.org/run",
        source_name="deepfakebench_ext",
        notes=f"frame_auc, 95 % {figure['low']:.4f} to {figure['high']:.4f}; 4 samples (2 real, 2 fake); protocol "
        f"{metrics['protocol']['digest']}",
    )
    code, out, _ = command("runs/b", "--format", "eval_results", "--dataset_id", "org/bench-1")
    assert (code, yaml.safe_load(out)[0]["dataset"]) == (0, {"id": "org/bench-1", "task_id": "default"})
    assert "source" not in yaml.safe_load(out)[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runs/a", "--format", "eval_results"), "needs --dataset_id org/name"),
        (("runs/a", "--format", "eval_results", "--dataset_id", "bench"), "write org/name"),
        (("runs/older", "--format", "eval_results", "--dataset_id", "o/b"), "its protocol is unknown"),
        (("runs/noise", "--format", "eval_results", "--dataset_id", "o/b"), "the detector is untrained"),
        (("runs/a", "runs/d", "--format", "eval_results", "--dataset_id", "o/b"), "of 2 protocols"),
        (("runs/a", "runs/b", "--format", "eval_results", "--dataset_id", "o/b"), "give --output FOLDER"),
        (("runs/a", "runs/../runs/a"), "is given twice"),
        (("runs/a", "--task_id", "x"), "--task_id means nothing without --format eval_results"),
        (("nothing",), "holds no metrics.json"),
        (("runs/broken",), "is not what a run writes"),
    ],
)
def test_what_has_no_place_is_refused(command: Command, arguments: tuple[str, ...], said: str) -> None:
    made("a", GOOD), made("b", BAD), made("d", GOOD, content="d"), made("older", GOOD, content="")
    made("noise", GOOD, head="untrained")
    (made("broken", GOOD) / "metrics.json").write_text('{"level": "frame"}')
    code, _, err = command(*arguments)
    assert (code, said in err) == (2, True), err


def test_it_needs_no_torch() -> None:
    made("a", GOOD)
    code = (
        "import sys; from deepfakebench_ext.cli.leaderboard import leaderboard\n"
        "leaderboard(['runs', '--format', 'html'], standalone_mode=False); assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True)
