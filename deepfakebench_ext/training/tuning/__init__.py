"""Which parameters are trained, in seven ways."""
