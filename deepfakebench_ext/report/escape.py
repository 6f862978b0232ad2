"""Text from file names and errors, made safe to print on one line."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text with line breaks and other unprintable characters as backslash escapes, such as `\n` and `\udcff`.

    File names may hold any of them, also bytes that are not valid Unicode. Letters of every script stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
