"""What goes into `run.json`: all that decides a score, and the fingerprint over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from deepfakebench_ext.common.version import versions
from deepfakebench_ext.engine.run_directory import fingerprint
from deepfakebench_ext.models.scoring import ScoringDetector


def run_settings(
    detector: ScoringDetector, reading: Mapping[str, Any], batch_size: int, scored: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of a run; all of them decide scores and so the fingerprint, which comes first.

    Args:
        detector: In inference mode, placed.
        reading: What is recorded of the reader.
        batch_size: Images, frames or clips of a batch.
        scored: What is scored, and what decodes its videos.
    """
    settings = {
        "schema_version": 1,
        "detector": detector.settings.model_dump(mode="json"),
        "weights": asdict(detector.report),
        **reading,
        **detector.computing,
        "batch_size": batch_size,
        **scored,
        "versions": versions(),
    }
    return {"fingerprint": fingerprint(settings), **settings}
