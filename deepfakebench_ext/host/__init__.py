"""Everything that knows DeepfakeBench, and nothing else does."""
