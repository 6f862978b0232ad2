"""Numbers that a user gives, checked before they are used. No I/O."""

from __future__ import annotations

import math

from deepfakebench_ext.common.errors import ConfigError

MOST_WORKERS = 1024
_MOST = 10**9
MOST_SEED = 2**63 - 1


def check_count(option: str, value: int | None, *, least: int = 1, most: int = _MOST) -> None:
    """Pass a whole number from `least` to `most`, or one that was not given.

    Raises:
        ConfigError: Another.
    """
    if value is not None and not least <= value <= most:
        raise ConfigError(f"{option} {value} is not allowed: give {least} to {most:,}, or leave it out")


def check_seed(option: str, value: int) -> None:
    """Pass what every random generator takes for a seed.

    Raises:
        ConfigError: Below 0, or of more than 63 bits.
    """
    check_count(option, value, least=0, most=MOST_SEED)


def check_above(option: str, value: float | None, least: float) -> None:
    """Pass a finite number above `least`, or one that was not given.

    Raises:
        ConfigError: Another.
    """
    if value is not None and not least < value < math.inf:
        raise ConfigError(f"{option} {value} is not allowed: give a number above {least:g}, or leave it out")
