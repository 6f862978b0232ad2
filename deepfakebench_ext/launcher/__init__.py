"""DeepfakeBench's own scripts in this process."""
