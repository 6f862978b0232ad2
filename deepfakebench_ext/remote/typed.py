"""URLs as they were typed, kept in memory alone: what is shown of one is without its secrets, and opens nothing."""

from __future__ import annotations

from pathlib import Path

from deepfakebench_ext.common.urls import checked, is_url, shown

_typed: dict[str, str] = {}


def known(url: str) -> str:
    """Return a URL as it may be shown, and remember what it was.

    Raises:
        ConfigError: One that cannot be read.
    """
    url = f"{checked(url)}://{url.partition('://')[2]}"  # S3:// is s3://, and no library knows it
    name = shown(url)
    if name != url:
        _typed[name] = url
    return name


def place(given: str | Path) -> str | Path:
    """Return what was given as a path, or, of a URL, as it may be shown.

    Raises:
        ConfigError: As `known`.
    """
    return known(given) if isinstance(given, str) and is_url(given) else Path(given)


def keep_typed(name: str, url: str) -> None:
    """Remember of a URL that another process was given how it was typed."""
    if name != url:
        _typed[name] = url


def typed(name: str) -> str:
    """Return the URL that a shown one stands for."""
    return _typed.get(name, name)
