"""Figures from labels and scores. Pure NumPy and scikit-learn."""
