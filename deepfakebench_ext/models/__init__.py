"""Detectors, and weights from wherever they lie into them."""
