"""`--help` of every verb: what is typed every day under headings, all of it on demand, and nothing heavy for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deepfakebench_ext.cli.command import GROUPS, Command
from deepfakebench_ext.cli.main import cli
from deepfakebench_ext.common.version import __version__

ROOT = Path(__file__).parents[2]
VERBS = cli.list_commands(click.Context(cli))
HEAVY = ("torch", "numpy", "transformers", "yaml", "pydantic", "cv2", "PIL", "sklearn", "ray", "importlib.metadata")
SCRIPTS = {
    "perf_huggingface.py": "evaluate",
    "train.py": "train",
    "analyze_video.py": "analyze",
    "extract_frames.py": "extract",
    "test_with_huggingface.py": "doctor",
}
GROUPED = ("host", "configs")
_SCREEN = 62


def helped(*words: str) -> str:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_shows_its_options_under_headings_on_a_screen_and_all_of_them_on_demand(verb: str) -> None:
    text = helped(verb, "--help")
    if verb in GROUPED:
        return
    command = cli.get_command(click.Context(cli), verb)
    assert isinstance(command, Command)
    assert len(text.splitlines()) <= _SCREEN
    everything = helped(verb, "--help_all")
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.opts[0] in everything
            assert param.help
    headings = [heading for heading in GROUPS.values() if f"\n{heading}:\n" in everything]
    assert [everything.index(f"\n{heading}:\n") for heading in headings] == sorted(
        everything.index(f"\n{heading}:\n") for heading in headings
    )


def test_the_everyday_options_are_few_and_choices_are_shown_as_choices() -> None:
    short, whole = helped("evaluate", "--help"), helped("evaluate", "--help_all")
    assert "--weights" in short and "--frame_interval" not in short
    assert "[none|dlib|yunet]" in short and "[auto|float32|bfloat16|float16]" in whole
    assert all(f"\n{name}:\n" in whole for name in ("Input", "Detector", "Video", "Faces", "Running", "Output"))


def test_summaries_are_whole_and_every_verb_says_its_version() -> None:
    text = helped("--help").partition("Commands:")[2]
    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        assert cli.summary(click.Context(cli), verb) == command.get_short_help_str(limit=400)  # type: ignore[attr-defined]
    assert "..." not in text and "and what that is worth." in " ".join(text.split())
    for words in ([], *([verb] for verb in VERBS if verb not in GROUPED), ["host", "run"], ["configs", "show"]):
        assert __version__ in helped(*words, "--version")


@pytest.mark.parametrize(("script", "verb"), SCRIPTS.items())
def test_a_script_says_which_verb_it_is_and_imports_nothing_heavy_for_help(script: str, verb: str) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{script!r}, '--help']\n"
        "try: runpy.run_path('scripts/' + sys.argv[0], run_name='__main__')\n"
        "except SystemExit: pass\n"
        f"loaded = set({HEAVY!r}) & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"Usage: {script}" in done.stdout and f"The same as: dfb-ext {verb}" in done.stdout


def test_quiet_leaves_results_alone(tmp_path: Path) -> None:
    lines = "key,label,score\na,0,0.1\nb,1,0.9\nc,0,0.2\nd,1,0.7\n"
    (tmp_path / "a.csv").write_text(lines)
    words = ["metrics", "a.csv", "--no_bootstrap", "--no_plots", "--output_dir", "out"]
    assert "report in out" in CliRunner().invoke(cli, words).stderr
    quiet = CliRunner().invoke(cli, [*words, "--quiet"])
    assert "report in" not in quiet.stderr and "frame_auc" in quiet.stdout
    assert "WARNING: only 2 images are REAL" in quiet.stderr


def test_verbose_says_where_an_error_came_from(caplog: pytest.LogCaptureFixture) -> None:
    CliRunner().invoke(cli, ["metrics", "absent.csv"])
    assert "Traceback" not in caplog.text
    CliRunner().invoke(cli, ["metrics", "absent.csv", "--verbose"])
    assert "Traceback" in caplog.text and "absent.csv does not exist" in caplog.text
