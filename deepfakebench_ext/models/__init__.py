"""Detectors, their weights, and how their logits become scores."""
