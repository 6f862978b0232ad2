"""Samples, their labels, and the one preprocessing transform."""
