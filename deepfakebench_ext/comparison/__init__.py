"""Detectors compared in pairs over the samples that they share."""
