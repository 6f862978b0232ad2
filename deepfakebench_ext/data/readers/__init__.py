"""Samples to units: what one forward pass takes."""
