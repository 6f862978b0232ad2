"""What every test needs: no network, no GPU-only paths, tiny random models made on the spot."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import hypothesis
import pytest
import torch

from deepfakebench_ext.host import torchvision_ops

# Read by huggingface_hub when it is imported, so they are set before anything imports it.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("HF_HOME", str(Path(__file__).parent / ".no_cache"))

# Tests run in folders of their own, from which a checkout in this repository's vendors/ would not be found.
_VENDORED = Path(__file__).parents[1] / "vendors/DeepfakeBench"
if _VENDORED.is_dir():
    os.environ.setdefault("DEEPFAKEBENCH_ROOT", str(_VENDORED))

sys.path.insert(0, str(Path(__file__).parent))  # for `import tiny`

torchvision_ops.make_importable()  # tests import transformers themselves
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.load_profile("same")  # a test that passes, passes again
# Tiny models: more threads than free cores would wait for each other. What tests start computes as they do, to the bit.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches beyond this machine fails at once."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in its own folder, where no checkout and no results of others lie."""
    monkeypatch.chdir(tmp_path)
