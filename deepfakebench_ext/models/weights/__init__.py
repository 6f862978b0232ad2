"""Weights: where they are, what they hold, how their keys are called."""
