"""Detectors, their weights, and how their logits become scores."""

from deepfakebench_ext.host import torchvision_ops

# transformers imports torchvision wherever it is installed, also one that does not load beside this torch.
torchvision_ops.settle()
