"""torchvision imports where its operators do not load, and any other failure of it stays one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# As torchvision does: Python kernels for operators that its library should have brought.
NEEDS_OPERATORS = """
import torch
for name in ("nms", "qnms"):
    @torch.library.register_fake(f"torchvision::{name}")
    def kernel(dets, scores, iou_threshold): ...
"""
CODE = """
from deepfakebench_ext.host.torchvision_ops import make_importable
make_importable()
make_importable()
import torchvision
print(torchvision.__name__)
"""


def settled(tmp_path: Path, text: str | None) -> subprocess.CompletedProcess[str]:
    if text is not None:
        (tmp_path / "torchvision").mkdir()
        (tmp_path / "torchvision/__init__.py").write_text(text)
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(REPOSITORY)!r}]\n{CODE}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_operators_that_did_not_load_are_declared(tmp_path: Path) -> None:
    done = settled(tmp_path, NEEDS_OPERATORS)
    assert (done.stdout, done.returncode) == ("torchvision\n", 0), done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise RuntimeError('built for another torch')", "RuntimeError: built for another torch"),
        ("import no_such_module_here", "No module named 'no_such_module_here'"),
    ],
)
def test_another_failure_is_not_hidden(tmp_path: Path, text: str, message: str) -> None:
    done = settled(tmp_path, text)
    assert done.returncode == 1
    assert message in done.stderr


def test_without_torchvision_nothing_happens() -> None:
    absent = "raise ModuleNotFoundError(\"No module named 'torchvision'\", name=name)"
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            {absent}
sys.meta_path.insert(0, Absent())
from deepfakebench_ext.host import torchvision_ops
torchvision_ops.make_importable()
print("torchvision" in sys.modules, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.stdout.strip() == "False False", done.stderr
