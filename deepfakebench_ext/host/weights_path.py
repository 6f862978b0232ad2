"""`--weights_path` of DeepfakeBench's test.py, for our detectors: whatever our own loader reads.

test.py builds the detector, loads the file with torch and fits it strictly (training/test.py:177-185): no hub id, no
folder, no `.safetensors`, no prefix or wrapper would pass. It also hands `weights_path` to the constructor, within the
config (training/test.py:161-163). There our detectors read it; and the load that follows is answered with the
parameters that they then have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import nn

from deepfakebench_ext.host.wrapping import wrap

# Spec -> the detector that was filled from it and whose load is still to come.
_filled: WeakValueDictionary[str, nn.Module] = WeakValueDictionary()


def said_by(config: Any) -> str | None:
    """Return the weights that DeepfakeBench's test.py hands a constructor, if `config` is its mapping and says any."""
    spec = config.get("weights_path") if isinstance(config, Mapping) else None
    return str(spec) if spec else None


def remember(spec: str, detector: nn.Module) -> None:
    """Let the next `torch.load(spec)` give the parameters of `detector`, for as long as it lives."""
    _filled[spec] = detector


def install() -> None:
    """Put the answer in front of `torch.load`; a second call changes nothing.

    Only a load of exactly the remembered string is answered, once; all others are torch's own.
    """
    wrap(torch, "load", _answering)


def _answering(present: Callable[..., Any]) -> Callable[..., Any]:
    def load(f: Any, *args: Any, **options: Any) -> Any:
        detector = _filled.pop(f, None) if isinstance(f, str) else None
        return present(f, *args, **options) if detector is None else detector.state_dict()

    return load
