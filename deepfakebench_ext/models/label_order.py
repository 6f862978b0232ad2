"""Which logits mean fake: read off a checkpoint's class names by whole words, or told, never guessed. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.label_words import claims, is_neither, words
from deepfakebench_ext.common.types import FAKE, REAL, LabelOrder
from deepfakebench_ext.common.wording import printable

HOST_CONTRACT = LabelOrder((1,), 2, (), "host contract")
Id2Label = Mapping[int, str] | Mapping[str, str]

_SHOWN_NAMES, _SHOWN_LETTERS = 10, 80
# ImageNet-21k has a "human being" and an "artificial horizon": of a detector's classes, more speak of real and fake.
_MAX_CLASSES_PER_KNOWN = 10


def decide_label_order(
    id2label: Id2Label | None,
    num_logits: int,
    *,
    label2id: Mapping[str, int | str] | None = None,
    fake_index: tuple[int, ...] | None = None,
    problem_type: str | None = None,
) -> LabelOrder:
    """How P(fake) is read off a head, from what its checkpoint calls the classes or from `fake_index`.

    k classes are read as 1 - P(real): every class that is not called real counts as fake, provided that at least one is
    called so, and that none says that it is neither (`no_face`, `unknown`). Of two classes both must say what they are.
    A single logit (a sigmoid) speaks for its one class.

    Args:
        id2label: The checkpoint's class names by index; indices may be spelt as strings.
        num_logits: Width of the head.
        label2id: The same the other way round; read where `id2label` has only transformers' LABEL_0, LABEL_1.
        fake_index: Indices of the logits that mean fake, from the user; settles the matter.
        problem_type: The checkpoint's own: `multi_label_classification` makes each logit a sigmoid of its own, as
            transformers' pipeline reads it.

    Raises:
        ConfigError: The names do not say, or contradict each other or the width of the head; or `fake_index` is not
            some of the logits. The message shows the names and what to type.
    """
    if problem_type == "regression":
        raise ConfigError(
            "its config says problem_type regression: its logits are numbers, not classes. If it is a classifier all "
            "the same, write single_label_classification there"
        )
    order = _order(id2label, num_logits, label2id, fake_index)
    if problem_type != "multi_label_classification" or num_logits == 1:
        return order
    if len(order.fake) != 1:
        raise ConfigError(
            f"its config says problem_type multi_label_classification, so that each logit is a label of its own, and "
            f"{len(order.fake)} of {_listed(order.names)} are fake; say which one to take with --fake_index"
        )
    return replace(order, activation="sigmoid")


def names_fit(values: Mapping[str, Any], num_logits: int) -> bool:
    """Return whether a config names no classes, or as many as a head has logits."""
    names = class_names(values)
    return names is None or len(names) == num_logits


def class_names(values: Mapping[str, Any]) -> Mapping[Any, Any] | None:
    """Return class index -> name; timm's folders list the names."""
    listed = values.get("label_names")
    return dict(enumerate(listed)) if listed else values.get("id2label")


def kept_order(own: object, num_logits: int) -> LabelOrder | None:
    """Return the order that a file of ours keeps, None for what is none of a head of that width."""
    if not isinstance(own, dict) or own.get("num_logits") != num_logits:
        return None
    fake, names = own.get("fake"), own.get("names", ())
    if not isinstance(fake, list) or not isinstance(names, list):
        return None
    if not all(isinstance(index, int) and 0 <= index < num_logits for index in fake):
        return None
    activation: Literal["softmax", "sigmoid"] = "sigmoid" if own.get("activation") == "sigmoid" else "softmax"
    return LabelOrder(tuple(fake), num_logits, tuple(printable(str(n)) for n in names), "the file itself", activation)


def _order(
    id2label: Id2Label | None,
    num_logits: int,
    label2id: Mapping[str, int | str] | None,
    fake_index: tuple[int, ...] | None,
) -> LabelOrder:
    names, names_back = _names(id2label, num_logits), _names(_inverted(label2id), num_logits)
    if fake_index is not None:
        return LabelOrder(_checked(fake_index, num_logits), num_logits, names or names_back, "--fake_index")
    if id2label and not names:
        raise _undecided(f"its config names {_listed(id2label)}, and it has {num_logits} logits", num_logits)
    if _contradict(names, names_back):
        raise _undecided(f"id2label says {_listed(id2label)}, label2id says {_listed(label2id)}", num_logits)
    if all(_is_placeholder(name) for name in names):
        names = names_back or names
    if not names:
        raise _undecided("its config names no classes", num_logits)
    return LabelOrder(_fake_of(names), num_logits, names, "checkpoint names")


def _names(id2label: Id2Label | None, num_logits: int) -> tuple[str, ...]:
    """The names in the order of the logits; empty unless there is exactly one for each."""
    by_index = {str(index).strip(): printable(str(name))[:_SHOWN_LETTERS] for index, name in (id2label or {}).items()}
    indices = [str(index) for index in range(num_logits)]
    return tuple(by_index[index] for index in indices) if set(by_index) == set(indices) else ()


def _inverted(label2id: Mapping[str, int | str] | None) -> dict[str, str]:
    return {str(index): name for name, index in (label2id or {}).items()}


def has_names(id2label: Id2Label | None, label2id: Mapping[str, int | str] | None) -> bool:
    """Whether a checkpoint names its classes itself, beyond transformers' LABEL_0, LABEL_1."""
    given = [*(id2label or {}).values(), *(label2id or {})]
    return any(not _is_placeholder(str(name)) for name in given)


def _is_placeholder(name: str) -> bool:
    """Whether transformers made the name up: LABEL_0, LABEL_1."""
    return words(name) == ["label"]


def _contradict(names: Sequence[str], names_back: Sequence[str]) -> bool:
    """Whether one class is called real in one list and fake in the other. An absent list contradicts nothing."""
    pairs = [(claims(name), claims(other)) for name, other in zip(names, names_back, strict=False)]
    return any(said and said_back and said != said_back for said, said_back in pairs)


def _fake_of(names: Sequence[str]) -> tuple[int, ...]:
    """Indices of the classes that are not real.

    Raises:
        ConfigError: The names do not tell.
    """
    said = [claims(name) for name in names]
    both = [name for name, claim in zip(names, said, strict=True) if len(claim) == 2]
    if both:
        raise _undecided(f"its class {both[0]!r} claims both real and fake ({_listed(names)})", len(names))
    known = [claim for claim in said if claim]
    if known and (neither := [name for name in names if is_neither(name)]):
        raise _undecided(f"its class {neither[0]!r} says neither real nor fake ({_listed(names)})", len(names))
    if len(names) == 1 and known:
        return (0,) if FAKE in known[0] else ()
    if len(set(known)) < 2 or len(names) > _MAX_CLASSES_PER_KNOWN * len(known):
        raise _undecided(f"its classes are {_listed(names)}", len(names))
    return tuple(index for index, claim in enumerate(said) if REAL not in claim)


def _checked(fake_index: tuple[int, ...], num_logits: int) -> tuple[int, ...]:
    """`fake_index`, ascending, each once.

    Raises:
        ConfigError: It is empty, out of range, or every logit of several.
    """
    chosen = tuple(sorted(set(fake_index)))
    if not chosen or not set(chosen) <= set(range(num_logits)):
        raise ConfigError(f"--fake_index {_typed(fake_index)}: the detector's logits are 0 to {num_logits - 1}")
    if num_logits > 1 and len(chosen) == num_logits:
        raise ConfigError(f"--fake_index {_typed(fake_index)} is every logit there is; leave out those that mean real")
    return chosen


def _undecided(finding: str, num_logits: int) -> ConfigError:
    if num_logits == 1:
        remedy = "--fake_index 0 if the one logit speaks for fake"
    else:
        remedy = "--fake_index 1 if the logit 1 means fake" + (" (0,1 if both do)" if num_logits > 2 else "")
    return ConfigError(f"cannot tell which logit of the detector means fake: {finding}. Look it up and say {remedy}")


def _typed(indices: Sequence[int]) -> str:
    return ",".join(map(str, indices)) or "(nothing)"


def _listed(names: Id2Label | Mapping[str, int | str] | Sequence[str] | None) -> str:
    """`0 Real, 1 Fake`, cut after a few."""
    if not names:
        return "no classes"
    pairs = names.items() if isinstance(names, Mapping) else enumerate(names)
    shown = [printable(f"{first} {second}")[:_SHOWN_LETTERS] for first, second in islice(pairs, _SHOWN_NAMES)]
    left_out = len(names) - len(shown)
    return ", ".join(shown) + (f" and {left_out} more" if left_out else "")
