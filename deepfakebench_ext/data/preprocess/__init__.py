"""The one transform, and where its numbers come from."""
