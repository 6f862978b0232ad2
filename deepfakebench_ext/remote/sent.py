"""What this process knows of URLs, for another that reads them: as they were typed, and the states of their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deepfakebench_ext.remote.states import ask, keep_text, state_text
from deepfakebench_ext.remote.typed import keep_typed, typed

Known = Mapping[str, tuple[str, str]]
"""A URL as it is shown, to how it was typed, with its secrets, and the state of its file."""


def known_of(names: Iterable[str]) -> Known:
    """Return what is known of URLs; of those that nobody asked for yet the store is asked.

    Raises:
        FetchError, MissingExtraError: As `states.ask`.
    """
    names = list(names)
    ask(names)
    return {name: (typed(name), state_text(name)) for name in names}


def keep(known: Known) -> None:
    """Take what another process knew: nothing of it is asked anew."""
    for name, (url, state) in known.items():
        keep_typed(name, url)
        keep_text(name, state)
