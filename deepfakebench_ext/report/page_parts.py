"""The scripts and styles of pages that are a file: modules as one script, and what a policy calls it.

What several pages share lies in `report/viewer/`; modules of a room's own `viewer/` import it as if it lay there too.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

SHARED = Path(__file__).parent / "viewer"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const)", re.MULTILINE)


def one_script(begin: Path) -> str:
    """Return a module and those that it imports as one text, each after those that it imports.

    Args:
        begin: The module; others lie beside it, or are shared. Their names are each other's, and unique.
    """
    done: dict[str, str] = {}

    def take(name: str) -> None:
        if name in done:
            return
        text = _found(name, begin.parent).read_text(encoding="utf-8")
        done[name] = ""  # as it is under way
        for needed in _IMPORT.findall(text):
            take(needed)
        del done[name]
        done[name] = _EXPORT.sub("", _IMPORT.sub("", text))

    take(begin.name)
    return "".join(done.values())


def one_style(own: Path) -> str:
    """Return the styles that all pages share, and a page's own."""
    return "".join(path.read_text(encoding="utf-8") for path in (SHARED / "base.css", own))


def digest_of(text: str) -> str:
    """Return what a Content Security Policy calls an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _found(name: str, folder: Path) -> Path:
    own = folder / name
    return own if own.is_file() else SHARED / name
