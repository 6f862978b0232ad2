"""Films analysed by the processes of a launcher: each takes the next film that nobody is at, and the first reports.

What a film came to lies in its run directory, as ever; what is to be said of it, which one process tells another, in
`.shared/` beside these. That holds as long as the timeline is the one that it was said of.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepfakebench_ext.analysis.analyze import Analysed, How, analyse_film, score_settings
from deepfakebench_ext.analysis.formats.timeline_reading import TIMELINE
from deepfakebench_ext.common.atomic_files import making, remove_unfinished, write_bytes_atomic
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.engine.claims import Claims
from deepfakebench_ext.engine.progress import Progress
from deepfakebench_ext.engine.run_directory import file_state, fingerprint
from deepfakebench_ext.engine.units import Units
from deepfakebench_ext.models.scoring import ScoringDetector
from deepfakebench_ext.remote import states

SHARED = ".shared"
_TIMELINE, _SAID = "timeline", "said"


def analyse_beside_others(
    films: Sequence[Sample],
    detector: ScoringDetector,
    how: How,
    *,
    is_first: bool,
    say: Callable[[Analysed], Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """Analyse films beside other processes of the same command, until all are done; return what is said of each.

    Args:
        films: All of them, the same in all processes.
        detector: From `load_detector`.
        how: How they are analysed.
        is_first: Whether the command begins with this process: what failed before is tried anew. It alone is told what
            is said; the others, which report nothing, get nothing.
        say: Makes JSON of what became of a film; called where it was analysed.

    Raises:
        ConfigError, ModelError, OutputError: As `analyze`.
    """
    work = _Films(detector, how, say)
    states.ask(film.file for film in films if is_url(film.file))
    units = {unit.name: unit for unit in map(work.unit, films)}
    work.prepare(is_first=is_first)
    with Progress(len(units), "video") as progress:
        Units(Claims(work.folder), units, work).to_the_end(lambda left: progress.at(len(units) - left))
    return [work.said(unit) for unit in units.values()] if is_first else []


@dataclass(frozen=True, slots=True)
class _Film:
    """A film.

    Attributes:
        sample: The film itself.
        name: Of its file, as it is now, and of all that decides its results.
    """

    sample: Sample
    name: str

    def __str__(self) -> str:
        return self.sample.where


class _Films:
    """The work of `Units`."""

    def __init__(self, detector: ScoringDetector, how: How, say: Callable[[Analysed], Mapping[str, Any]]) -> None:
        self._detector, self._how, self._say = detector, how, say
        self.folder = Path(how.output_dir) / SHARED
        scored = score_settings(detector, how)
        self._settings = fingerprint(
            {"scored": scored, "threshold": repr(how.threshold), "outputs": asdict(how.outputs)}
        )

    def prepare(self, *, is_first: bool) -> None:
        """Create the folder; let what failed before be tried anew."""
        with making(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self.folder.glob("*.json") if is_first else ():
                if (_read(path) or {}).get(_TIMELINE) is None:
                    path.unlink(missing_ok=True)
        if is_first:
            Claims(self.folder).forgive()

    def unit(self, film: Sample) -> _Film:
        """A film under its name."""
        return _Film(film, fingerprint([self._settings, film.where, file_state(film.file)])[:32])

    def is_done(self, film: _Film) -> bool:
        """Whether its results are there, as they were written, or cannot be had."""
        known = _read(self._path(film))
        if known is None:
            return False
        timeline = known[_TIMELINE]
        return timeline is None or file_state(Path(timeline[0]) / TIMELINE) == timeline[1]

    def said(self, film: _Film) -> Mapping[str, Any]:
        """What was said of a film that is done."""
        return (_read(self._path(film)) or {})[_SAID]  # type: ignore[no-any-return]

    def do(self, film: _Film) -> None:
        """Analyse it."""
        with making(self.folder):
            remove_unfinished(self.folder, self._path(film).name)
        self._keep(film, analyse_film(self._detector, film.sample, self._how))

    def give_up(self, film: _Film, reason: str) -> None:
        """Say that it cannot be analysed."""
        self._keep(film, Analysed(str(film), None, None, reason))

    def stop(self) -> None:
        """Films are analysed in the thread of `to_the_end`, so that none goes on."""

    def _keep(self, film: _Film, found: Analysed) -> None:
        timeline = None
        if found.timeline is not None and found.folder is not None:
            timeline = [found.folder.as_posix(), file_state(found.folder / TIMELINE)]
        text = json.dumps({_TIMELINE: timeline, _SAID: self._say(found)})
        write_bytes_atomic(self._path(film), text.encode("utf-8", "surrogatepass"))

    def _path(self, film: _Film) -> Path:
        return self.folder / f"{film.name}.json"


def _read(path: Path) -> Mapping[str, Any] | None:
    """What was said of a film; None where nothing was, or a crash of the machine damaged it."""
    try:
        known = json.loads(path.read_bytes())
        return known if {_TIMELINE, _SAID} <= known.keys() else None
    except (FileNotFoundError, ValueError, AttributeError):
        return None
