"""Labels from the names of directories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.label_words import folder_claims
from deepfakebench_ext.common.paths import plain_path
from deepfakebench_ext.common.types import Label

_LEVELS_ABOVE = 5


def label_of(relative_dirs: Sequence[str], *, root: Path | None = None) -> Label | None:
    """What the directories of a sample say it is: 0 real, 1 fake, None where none says anything.

    A directory that claims both (`real_vs_fake`) holds both kinds and leaves it to a deeper one.

    Args:
        relative_dirs: Directories from the given folder down to the sample, outermost first.
        root: The given folder, for the message.

    Raises:
        ConfigError: One says real and another fake, or the deepest that says something claims both.
    """
    said = [(name, folder_claims(name)) for name in relative_dirs]
    speaking = [(name, claim) for name, claim in said if claim]
    if not speaking:
        return None
    deepest, decided = speaking[-1]
    where = "/".join([*([str(root)] if root else []), *relative_dirs])
    if len(decided) > 1:
        raise ConfigError(
            f"{where}: the directory {deepest!r} claims both real and fake, and none in it decides; "
            "sort its files into real/ and fake/, or label them with --manifest"
        )
    against = next((name for name, claim in speaking if len(claim) == 1 and claim != decided), None)
    if against is not None:
        raise ConfigError(
            f"{where}: the directories {against!r} and {deepest!r} contradict each other, one real and one fake; "
            "pass the inner folder alone, or label its files with --manifest"
        )
    return next(iter(decided))


def label_above(folder: Path) -> Label | None:
    """What the innermost of a folder and the four above it says that says anything; None where that claims both."""
    for name in reversed(plain_path(folder).parts[-_LEVELS_ABOVE:]):
        claim = folder_claims(name)
        if claim:
            return next(iter(claim)) if len(claim) == 1 else None
    return None
