"""Names that the process that computes and the API share. No I/O."""

SCORE = "score.json"
"""Of an image's job: what `evaluate` would say of it."""
PROXY = "proxy.mp4"
"""A copy of a film that browsers do not play, beside the timeline."""
