"""Images of a bucket, scored as those of a folder are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
import yaml
from buckets import S3

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run

Result = tuple[int, str, str]
Command = Callable[..., Result]


@pytest.fixture
def perf(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run the command in this process with a tiny CLIP; gives exit code, stdout, stderr."""
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    detector = ["--detector_config", "clip.yaml", "--weights", "w.pth", "--dtype", "float32", "--device", "cpu"]

    def _run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: evaluate([*detector, *map(str, arguments)], prog_name="perf_huggingface.py"))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


def scores_of(folder: Path) -> Path:
    (found,) = folder.glob("*/scores.csv")
    return found


def test_one_image_of_a_bucket_is_scored(perf: Command, s3: S3, tmp_path: Path) -> None:
    tiny.photo(tmp_path / "photos/real/a.png")
    s3.put("data", tmp_path / "photos")
    code, _, err = perf("s3://data/real/a.png", "--output_dir", "far")
    assert code == 0, err
    assert perf("photos/real/a.png", "--output_dir", "near")[0] == 0
    near = scores_of(tmp_path / "near").read_text()
    assert scores_of(tmp_path / "far").read_text() == near.replace("photos/real", "s3://data/real")
