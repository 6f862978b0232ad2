"""Numbers are checked at both ends."""

from __future__ import annotations

import pytest

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.numbers import check_above, check_count, check_seed


def test_both_ends_are_allowed_and_nothing_beyond_them() -> None:
    for value in (None, 1, 10**9):
        check_count("--limit", value)
    check_count("--workers", 4, most=4)
    for value in (0, 2**63 - 1):
        check_seed("--seed", value)
    for number in (None, 1e-9, 1e300):
        check_above("--fps", number, 0)


@pytest.mark.parametrize("value", [0, -1, 10**9 + 1])
def test_a_count_out_of_range_is_named(value: int) -> None:
    with pytest.raises(ConfigError, match=f"--limit {value} is not allowed: give 1 to 1,000,000,000, or leave it out"):
        check_count("--limit", value)


@pytest.mark.parametrize("value", [-1, 2**63])
def test_a_seed_out_of_range_is_named(value: int) -> None:
    with pytest.raises(ConfigError, match=f"--seed {value} is not allowed: give 0 to 9,223"):
        check_seed("--seed", value)


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_a_number_out_of_range_is_named(value: float) -> None:
    with pytest.raises(ConfigError, match=f"--fps {value} is not allowed: give a number above 0"):
        check_above("--fps", value, 0)
