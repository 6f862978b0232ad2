"""How run directories are called."""

from __future__ import annotations

from pathlib import Path

from deepfakebench_ext.models.base import Detector


def run_name(detector: Detector, what: str | None, digest: str) -> str:
    """Return `<detector>-<weights>[-<what>]-<8 hex digits>`; the digits tell runs of other settings apart.

    Args:
        detector: From `load_detector`.
        what: What it is given, such as a dataset or a video.
        digest: Of the settings, hex digits.
    """
    source = detector.report.source.rstrip("/\\")
    stem = Path(source).stem if detector.report.kind == "file" else "-".join(source.replace("\\", "/").split("/")[-2:])
    words = f"{detector.settings.model_name}-{stem}" + (f"-{what}" if what else "")
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in words)
    return f"{safe[:100]}-{digest[:8]}"
