"""What must be known beside a result: records, from where a fact is found to every file and screen that says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from deepfakebench_ext.common.wording import cut

Kind = Literal[
    "untrained",
    "unlabelled",
    "limited",
    "protocol",
    "labels_above",
    "json_order",
    "label_dict",
    "faceless",
    "several_people",
    "every_face",
    "off_crop",
    "damaged",
    "pictures",
    "split",
    "leak",
    "prolonged",
    "told_apart",
    "duplicates",
    "not_looked_at",
    "at_the_edge",
    "blended_val",
    "rounded",
    "keyless",
    "many_rows",
    "run",
    "few_samples",
    "few_in_group",
    "all_alike",
    "ties",
    "turned_round",
    "other_threshold",
    "stored_threshold",
    "lopsided",
    "few_compared",
    "other_rules",
    "other_protocol",
    "by_number",
    "other_files",
    "same_scores",
    "uncalibrated",
    "no_timeline",
    "not_in_truth",
    "outside_video",
]
"""What a notice is about; `run` is what a file says of its run without a kind that we know."""
FOUND_IN_SCORES: frozenset[Kind] = frozenset(
    {"told_apart", "few_samples", "few_in_group", "all_alike", "ties", "turned_round", "other_threshold", "lopsided"}
)
"""Kinds that whoever has the scores finds anew, with the numbers of these scores."""
Severity = Literal["warning", "severe"]
LONGEST = 2000
"""Characters of a notice; what is longer loses its middle."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A fact without which a result would be misread.

    Attributes:
        kind: What it is about. Programs go by it, and never by words of the text.
        text: A sentence for people.
        severity: `severe` where scores and figures are worth nothing.
        subject: The one of several that it is of, such as a detector or a column; empty where it is of all.
    """

    kind: Kind
    text: str
    severity: Severity = "warning"
    subject: str = ""

    def __post_init__(self) -> None:
        """Cut a sentence that a key of a megabyte has made one of a megabyte."""
        object.__setattr__(self, "text", cut(self.text, LONGEST))

    def __str__(self) -> str:
        """Return the sentence."""
        return self.text

    def of(self, subject: str) -> Notice:
        """Return the same, said of one of several."""
        return replace(self, text=f"{subject}: {self.text}", subject=subject)


def notice_of(kind: str, text: str, subject: str = "") -> Notice:
    """Return the notice that a file has as words."""
    known: Kind = next((each for each in get_args(Kind) if each == kind), "run")
    return Notice(known, text, "severe" if known == "untrained" else "warning", subject)


def notice_from_json(record: Mapping[str, Any]) -> Notice:
    """Return the notice that a file has as a record."""
    kind, text, subject = (str(record.get(name, "")) for name in ("kind", "text", "subject"))
    return notice_of(kind, text, subject)


def untrained_head(source: str = "", seed: int | None = None) -> Notice:
    """Return what goes wherever scores of an untrained head go.

    Args:
        source: The weights without a head; empty where only scores are left.
        seed: Of the head that was drawn in its place.
    """
    text = "the detector's head did not come from its weights; every figure here is noise"
    if source:
        text = (
            f"the classifier of this detector did not come from the weights ({source}); it is random (seed {seed}), so "
            "every score and figure below is noise. Give --weights a fine-tuned checkpoint."
        )
    return Notice("untrained", f"UNTRAINED HEAD: {text}", "severe")


def marked(name: str, trained: bool | None) -> str:
    """Return what a detector is called beside its figures: marked where its head is known to be untrained."""
    return f"{name} (UNTRAINED)" if trained is False else name


def untrained_unsaid(notices: Iterable[Notice], trained: bool | None) -> list[Notice]:
    """Return the notice of an untrained head, where the head is untrained and none of these says so; else nothing."""
    said = any(notice.kind == "untrained" for notice in notices)
    return [untrained_head()] if trained is False and not said else []
