"""Transformers' own messages, left out: what its load reports say, ours say too. Imports nothing heavy."""

from __future__ import annotations

import sys
from threading import Event

_TORCHS = "deepfakebench_ext.models.base"
_wished = Event()


def hush_transformers() -> None:
    """Leave the terminal to our own messages; transformers is not imported for it where no detector needs it."""
    _wished.set()
    if _TORCHS in sys.modules:
        hush_where_wished()


def hush_where_wished() -> None:
    """Do so now, if it was wished before detectors of torch were imported."""
    if not _wished.is_set():
        return
    from huggingface_hub.utils.tqdm import enable_progress_bars
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    enable_progress_bars()  # which the line before turned off too: a download shows its size and how far it is
