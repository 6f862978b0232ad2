"""Replacing a function of another program by one around it, once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_MARK = "wrapped_by_deepfakebench_ext"


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace `owner.name` by `make(what stands there)`; what was replaced before is left alone.

    Args:
        owner: A module or a class.
        name: Of one of its functions.
        make: Takes the function that is there and returns the one to put in its place.
    """
    present = getattr(owner, name)
    if hasattr(present, _MARK):
        return
    made = functools.update_wrapper(make(present), present, updated=())
    vars(made)[_MARK] = True
    setattr(owner, name, made)
