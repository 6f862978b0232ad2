"""How run directories are called."""

from __future__ import annotations

from pathlib import Path

from deepfakebench_ext.models.scoring import ScoringDetector


def run_name(words: str, what: str | None, digest: str) -> str:
    """Return `<words>[-<what>]-<8 hex digits>`; the digits tell runs of other settings apart.

    Args:
        words: Of the detector, such as `detector_words`.
        what: What it is given, such as a dataset or a video.
        digest: Of the settings, hex digits.
    """
    named = words + (f"-{what}" if what else "")
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in named)
    return f"{safe[:100]}-{digest[:8]}"


def detector_words(detector: ScoringDetector) -> str:
    """Return `<detector>-<weights>` of a detector from `load_detector`."""
    source = detector.report.source.rstrip("/\\")
    stem = Path(source).stem if detector.report.kind == "file" else "-".join(source.replace("\\", "/").split("/")[-2:])
    return f"{detector.settings.model_name}-{stem}"
