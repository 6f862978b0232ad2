"""The names of the files that a run leaves, each said once."""

from __future__ import annotations

from typing import Final

SETTINGS: Final = "run.json"
"""What was asked for, by what and of which versions."""
BEGUN: Final = "begun"
"""Key in it of the day on which the run began, in UTC: `2026-11-30`. It decides nothing."""

# Of an evaluation, in its run directory.
JOURNAL: Final = "scores.jsonl"
RESULTS_TEXT: Final = "inference_results_huggingface.txt"
SCORES_CSV: Final = "scores.csv"
SCORES_PARQUET: Final = "scores.parquet"
"""The same beside it, where they are many."""
VIDEOS_CSV: Final = "videos.csv"
METRICS_JSON: Final = "metrics.json"
CURVES_PNG: Final = "curves.png"
PARTS: Final = "parts"
"""A folder of what several processes scored, a file for each part."""

# Of a training, in its folder, and in that of its weights.
VALIDATION_CSV: Final = "validation.csv"
CHECKPOINT: Final = "checkpoint.pt"
TRAINING_LOG: Final = "metrics.jsonl"
KEPT_FEATURES: Final = "kept_features.bin"
BEST: Final = "best"
LAST: Final = "last"
CARD: Final = "README.md"
FIGURES_JSON: Final = "figures.json"
