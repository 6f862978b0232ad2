"""Files to be listed, and what lists of samples hold."""

from __future__ import annotations


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def keys(samples):
    return [sample.key for sample in samples]


def labels(samples):
    return {sample.key: sample.label for sample in samples}
