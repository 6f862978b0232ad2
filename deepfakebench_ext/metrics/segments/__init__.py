"""Marked stretches of videos against the true ones: figures and intervals. Pure."""
