"""Faces in frames: found, aligned, cropped and kept."""
