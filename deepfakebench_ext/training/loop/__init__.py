"""The steps of a training, its journal and its checkpoints."""
