"""A user's own program or API as a detector: paths in, P(fake) out, in a process of its own."""
