"""Transformers' own messages, left out: what its load reports say, ours say too. Imports nothing heavy."""

from __future__ import annotations


def hush_transformers() -> None:
    """Leave the terminal to our own messages."""
    from huggingface_hub.utils.tqdm import enable_progress_bars
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    enable_progress_bars()  # which the line before turned off too: a download shows its size and how far it is
