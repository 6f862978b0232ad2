"""Folders, manifests and datasets to samples."""
