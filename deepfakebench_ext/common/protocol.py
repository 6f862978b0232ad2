"""On what and how figures were made, whatever the detector: only where these agree may figures be compared. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from deepfakebench_ext.common.wording import counted

UNKNOWN_PROTOCOL = "unknown protocol"
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """What decides a figure beside the detector.

    Attributes:
        real, fake, unlabelled: Numbers of samples.
        samples_sha256: Over the contents of the samples with their labels, whatever their names, places and order.
        sampling: Which frames or clips of a video are taken; `images` where there are no videos.
        crops: How frames are cut to the face.
        aggregation: How scores come to one a video; empty where there are no videos.
    """

    real: int
    fake: int
    unlabelled: int
    samples_sha256: str
    sampling: str
    crops: str
    aggregation: str

    @property
    def digest(self) -> str:
        """Twelve hex digits that are the same where all of it is."""
        said = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(said.encode()).hexdigest()[:_DIGITS]

    @property
    def samples(self) -> str:
        """The samples, for people: `600 samples (300 real, 300 fake)`."""
        labels = [f"{self.real} real", f"{self.fake} fake"]
        labels += [f"{self.unlabelled} without a label"] if self.unlabelled else []
        return f"{counted(self.real + self.fake + self.unlabelled, 'sample')} ({', '.join(labels)})"

    def text(self) -> str:
        """Return it for people, on one line, its digits first."""
        return f"{self.digest}: {self.what()}"

    def what(self) -> str:
        """Return all that its digits stand for, for people, on one line."""
        rule = f"; a video's score is the {self.aggregation}" if self.aggregation else ""
        return (
            f"{self.samples} of content {self.samples_sha256[:8]}; sampling {self.sampling}; crops {self.crops}{rule}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as a record, its digits too."""
        return {"digest": self.digest, **asdict(self)}


def protocol_from_json(record: Any) -> EvaluationProtocol | None:
    """Return what a file has as a record; None where it has none, or one of another make."""
    if not isinstance(record, Mapping):
        return None
    values = {field.name: record.get(field.name) for field in fields(EvaluationProtocol)}
    kinds = {field.name: int if field.type == "int" else str for field in fields(EvaluationProtocol)}
    if not all(type(value) is kinds[name] for name, value in values.items()):
        return None
    return EvaluationProtocol(**values)  # type: ignore[arg-type]  # each was looked at


def digest_contents(contents: Sequence[tuple[str, int | None]]) -> str:
    """Return the SHA-256 (hex) over contents and labels, whatever their order; one that is there twice counts twice."""
    digest = hashlib.sha256()
    for content, label in sorted((content, -1 if label is None else label) for content, label in contents):
        digest.update(f"{content} {label}\n".encode())
    return digest.hexdigest()


def differences(one: EvaluationProtocol, other: EvaluationProtocol) -> list[str]:
    """Return in what two protocols differ, in words."""
    said = []
    if one.samples_sha256 != other.samples_sha256:
        are_others = "" if one.samples != other.samples else ", of other contents or labels"
        said.append(f"samples ({one.samples} and {other.samples}{are_others})")
    for name in ("sampling", "crops", "aggregation"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine != theirs:
            said.append(f"{name} ({mine or 'none'} and {theirs or 'none'})")
    return said


def told_apart(known: Mapping[str, EvaluationProtocol]) -> list[str]:
    """Return, as sentences, in what protocols differ from the first; each difference once, with all that have it."""
    first = next(iter(known), "")
    others: dict[str, list[str]] = {}
    for name, protocol in known.items():
        if said := "; ".join(differences(known[first], protocol)):
            others.setdefault(said, []).append(name)
    return [f"{first} and {', '.join(names)} have other protocols, in {said}" for said, names in others.items()]
