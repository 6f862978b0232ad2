"""How numbers are said in messages. No I/O."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return `1 video`, `2 videos`: for nouns that take an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def printable(text: str) -> str:
    r"""The text with line breaks and other unprintable characters as backslash escapes, such as `\n` and `\udcff`.

    File names may hold any of them, also bytes that are not valid Unicode. Letters of every script stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
