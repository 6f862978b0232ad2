"""Evaluate one detector, or several abreast into one table."""
