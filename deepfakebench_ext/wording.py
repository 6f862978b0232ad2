"""How numbers are said in messages. No I/O."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return `1 video`, `2 videos`: for nouns that take an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
