"""Python, and the packages that are installed here, by what this package says that it needs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement

from deepfakebench_ext.common.version import __version__, installed
from deepfakebench_ext.service.diagnosis.finding import Finding

_DISTRIBUTION = "deepfakebench-ext"
# Each extra that a user may want, and what is done without it.
_WITHOUT = {
    "video": "films are decoded by OpenCV, which shows less of what is damaged",
    "faces": "dlib finds no faces",
    "plots": "no curves are drawn",
    "parquet": "no Parquet is read or written",
    "remote": "s3://, gs:// and https:// are not read",
    "train": "nothing can be trained",
    "runtime": "exported networks are not scored, and --runtime is torch",
    "export": "no detector is exported for another runtime",
    "service": "nothing can be served",
    "cluster": "a service has no PostgreSQL and no Celery workers",
    "ray": "nothing is scored over a Ray cluster",
    "host": "DeepfakeBench's own scripts and detectors may not be imported",
}
# Of which no version matters to anybody who reads; JSON has them.
_UNSAID = ("click", "filelock", "pydantic", "pyyaml", "tqdm", "typing_extensions", "packaging")


def look_at_python() -> Finding:
    """Return which Python this is, and which version of this package."""
    said = f"{platform.python_version()} ({sys.executable}), {_DISTRIBUTION} {__version__}"
    return Finding(name="python", is_found=True, said=said, is_asked=True)


def look_at_packages(asked: Collection[str]) -> Iterator[Finding]:
    """Yield what is installed of what this package needs, and of each of its extras.

    Args:
        asked: Extras that were asked for.
    """
    try:
        needs = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        said = f"{__version__} runs and is not installed, so that nothing says what it needs"
        yield Finding(name="packages", is_found=False, said=said, remedy="pip install .", is_asked=True)
        return
    yield from compare_with(needs, asked)


def compare_with(needs: Sequence[str], asked: Collection[str]) -> Iterator[Finding]:
    """Yield what is installed of `needs`.

    Args:
        needs: Requirements as a distribution's metadata has them, those of extras with their mark.
        asked: Extras that were asked for.
    """
    parsed = [Requirement(each) for each in needs]
    core = [each for each in parsed if _is_needed(each, "")]
    yield _compared("packages", core, _DISTRIBUTION, is_asked=True)
    for extra, without in _WITHOUT.items():
        own = [each for each in parsed if _is_needed(each, extra) and each not in core]
        if own:
            whole = f"{_DISTRIBUTION}[{extra}]"
            found = _compared(f"extra {extra}", own, whole, is_asked=extra in asked)
            yield found if found.is_found else replace(found, said=f"{found.said}: {without}")


def _compared(name: str, needs: Sequence[Requirement], whole: str, *, is_asked: bool) -> Finding:
    have = {each.name: installed(each.name) for each in needs}
    lacking = [each for each in needs if not _serves(each, have[each.name])]
    versions = {package: version for package, version in have.items() if version is not None}
    if not lacking:
        said = ", ".join(f"{package} {version}" for package, version in versions.items() if package not in _UNSAID)
        return Finding(name=name, is_found=True, said=said, is_asked=is_asked, details={"versions": versions})
    words = ", ".join(
        f"{each.name}{f' {have[each.name]}, where {each.specifier} is needed' if have[each.name] else ''}"
        for each in lacking
    )
    remedy = f"pip install --upgrade '{whole}'"
    said, details = f"lacks {words}", {"versions": versions}
    return Finding(name=name, is_found=False, said=said, remedy=remedy, is_asked=is_asked, details=details)


def _is_needed(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _serves(requirement: Requirement, version: str | None) -> bool:
    return version is not None and requirement.specifier.contains(version, prereleases=True)
