"""One thing that was looked for, found or missing. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one look.

    Attributes:
        name: What was looked for.
        is_found: Whether it is there and works.
        said: What was found, or what is missing and what that means.
        remedy: What to type; empty where nothing is missing, or where `said` says it.
        is_asked: Whether it was asked for, or nothing works without it.
        details: Further facts, as JSON values.
    """

    name: str
    is_found: bool
    said: str
    remedy: str = ""
    is_asked: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_lacking(self) -> bool:
        """Whether it was asked for and is missing."""
        return self.is_asked and not self.is_found

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "name": self.name,
            "found": self.is_found,
            "asked": self.is_asked,
            "said": self.said,
            "remedy": self.remedy,
            "details": dict(self.details),
        }

    def text(self) -> str:
        """Return it for people: a line, and below it what to type."""
        mark = "found" if self.is_found else "MISSING" if self.is_asked else "-"
        line = f"{mark:<8} {self.name:<16} {self.said}"
        return line if self.is_found or not self.remedy else f"{line}\n{'':<25} type: {self.remedy}"
