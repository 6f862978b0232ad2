"""Names that the process that computes and the API share. No I/O."""

SCORE = "score.json"
"""Of an image's job: what `evaluate` would say of it."""
