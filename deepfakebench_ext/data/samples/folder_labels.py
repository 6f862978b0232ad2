"""Labels from the names of directories."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.label_words import folder_claims, is_bare_claim
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.paths import plain_path
from deepfakebench_ext.common.suffixes import is_image_name, is_video_name
from deepfakebench_ext.common.tar_names import is_tar_name
from deepfakebench_ext.common.types import FAKE, LABEL_NAMES, Label, Sample
from deepfakebench_ext.common.urls import folder_names, folder_of, is_pattern, name_of, split_pattern

_LEVELS_ABOVE: Final = 5
# What FaceForensics++ and DeepfakeBench call methods for short. Exactly so, and only where no other directory says
# anything, since these letters mean other things elsewhere.
_SHORT: Final = re.compile(r"((FF-)?(DF|F2F|FS|NT)|FF-(SH|FH)|FSh)(_(raw|c23|c40))?")
# FakeAVCeleb's classes of which sound and picture differ: neither real nor fake as a whole.
_MIXED: Final = re.compile(r"(Real|Fake)Video-(?!\1)(Real|Fake)Audio")


def label_of(relative_dirs: Sequence[str], *, root: Path | str | None = None) -> Label | None:
    """What the directories of a sample say it is: 0 real, 1 fake, None where none says anything, or says either.

    A directory that claims both (`real_vs_fake`) holds both kinds and leaves it to a deeper one. One that is nothing
    but a label outweighs words within the names above it (GenImage's `imagenet_ai_0419_sdv4/val/nature` is real).

    Args:
        relative_dirs: Directories from the given folder down to the sample, outermost first.
        root: The given folder, for the message.

    Raises:
        ConfigError: One says real and another fake, or the deepest that says something claims both.
    """
    said = [(name, folder_claims(name)) for name in relative_dirs]
    speaking = [(name, claim) for name, claim in said if claim]
    if not speaking:
        return FAKE if any(map(_is_short, relative_dirs)) else None
    deepest, decided = speaking[-1]
    if _MIXED.fullmatch(deepest):
        return None
    where = "/".join([*([str(root)] if root else []), *relative_dirs])
    if len(decided) > 1:
        raise ConfigError(
            f"{where}: the directory {deepest!r} claims both real and fake, and none in it decides; "
            "sort its files into real/ and fake/, or label them with --manifest"
        )
    heard = [(name, claim) for name, claim in speaking if is_bare_claim(name) or not is_bare_claim(deepest)]
    against = next((name for name, claim in heard if len(claim) == 1 and claim != decided), None)
    if against is not None:
        raise ConfigError(
            f"{where}: the directories {against!r} and {deepest!r} contradict each other, one real and one fake; "
            "pass the inner folder alone, or label its files with --manifest"
        )
    return next(iter(decided))


def says_nothing(relative_dirs: Sequence[str]) -> bool:
    """Whether none of these directories says real, fake or both."""
    return not any(folder_claims(name) or _is_short(name) for name in relative_dirs)


def label_above(folder: Path) -> tuple[str, Label] | None:
    """What a folder and the four above it say: the innermost that says anything, and its label.

    None where none does, or that one claims both.
    """
    return label_in(plain_path(folder).parts)


def label_in(folders: Sequence[str]) -> tuple[str, Label] | None:
    """What the last five of some folders, outermost first, say; as `label_above`."""
    names = folders[-_LEVELS_ABOVE:][::-1]
    for name in names:
        if claim := folder_claims(name):
            return (name, next(iter(claim))) if len(claim) == 1 else None
    short = next(filter(_is_short, names), None)
    return None if short is None else (short, FAKE)


def labels_above_notices(groups: Iterable[tuple[Path | str, Sequence[Sample]]]) -> list[Notice]:
    """Return the warnings that directories above what was given label it, as none within does; each names its own.

    Args:
        groups: Paths and URLs that were given, and all that `collect_samples` found at each.
    """
    by_name: dict[tuple[str, Label], tuple[list[Path | str], int]] = {}
    for path, samples in groups:
        found = _label_from_above(path, samples)
        # What lies beside the images of a tar may say otherwise.
        if found is not None and all(sample.label == found[1] for sample in samples):
            paths, count = by_name.get(found, ([], 0))
            by_name[found] = ([*paths, path], count + len(samples))
    return [_labelled_above(*found, *where) for found, where in by_name.items()]


def _label_from_above(path: Path | str, samples: Sequence[Sample]) -> tuple[str, Label] | None:
    if isinstance(path, str):
        return _label_from_url(path, samples)
    folder = next(each for each in (path, *path.parents) if each.is_dir())  # of part{0..9}/x.tar what is above
    places = {s.path.parent if is_image_name(s.path.name) or is_video_name(s.path.name) else s.path for s in samples}
    found = label_above(folder)
    return found if all(says_nothing(place.relative_to(folder).parts) for place in places) else None


def _label_from_url(url: str, samples: Sequence[Sample]) -> tuple[str, Label] | None:
    """As `_label_from_above`: of a pattern, its first parts are what was given."""
    root = split_pattern(url)[0] if is_pattern(url) else url.rstrip("/")
    if samples and samples[0].file == root and (is_image_name(name_of(root)) or is_video_name(name_of(root))):
        root = folder_of(root)
    if is_tar_name(root):  # of part{0..9}/x.tar what is above
        root = folder_of(root.partition("{")[0])
    inside = [sample.file[len(root) + 1 :].split("/") for sample in samples]
    folders = [parts[:-1] if is_image_name(parts[-1]) or is_video_name(parts[-1]) else parts for parts in inside]
    return label_in(folder_names(root)) if all(map(says_nothing, folders)) else None


def _labelled_above(name: str, label: Label, paths: Sequence[Path | str], number: int) -> Notice:
    count = "1 sample counts" if number == 1 else f"{number} samples count"
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    text = (
        f"no directory within {paths[0]}{more} says real or fake, so {count} as {LABEL_NAMES[label]} by the name of "
        f"the directory {name!r} in its path; --manifest says otherwise"
    )
    return Notice("labels_above", text)


def _is_short(name: str) -> bool:
    return _SHORT.fullmatch(name) is not None
