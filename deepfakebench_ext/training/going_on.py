"""What is said of a run that goes on for longer than it was meant to, and of one that cannot go on as it is."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.training.config import TrainingConfig
from deepfakebench_ext.training.loop.optimizing import rate_factor
from deepfakebench_ext.training.loop.stepping import SettingsFailedError
from deepfakebench_ext.training.loop.trainer import Position


def prolonged(lengths: Sequence[int], position: Position, training: TrainingConfig, steps: int) -> Notice | None:
    """Return what became of a run that was prolonged; None where it is as one of that length.

    Args:
        lengths: The numbers of epochs that it was meant to have, one after the other.
        position: Where it goes on.
        training: Its recipe.
        steps: Of an epoch.
    """
    if position.stopped and len(lengths) > 1 and position.epoch <= lengths[-2]:
        return Notice(
            "prolonged",
            f"training.patience={training.patience} ended this run after epoch {position.epoch}, and it stays ended: "
            f"training.epochs={lengths[-1]} adds nothing. To train for longer, give another --output_dir with --set "
            "training.patience=null",
        )
    if len(lengths) < 2 or not (training.warmup or training.schedule == "cosine"):
        return None
    was, now = lengths[-2:]
    before, after = rate_factor(was * steps - 1, was * steps, training), rate_factor(was * steps, now * steps, training)
    return Notice(
        "prolonged",
        f"this run of {', then '.join(map(str, lengths))} epochs was prolonged, and training.warmup and "
        f"training.schedule go by the length: the learning rate, {before * training.lr:.2g} at the end of epoch {was} "
        f"under the first, is {after * training.lr:.2g} there under the second. {now} epochs from the start would come "
        "to other weights",
    )


@contextmanager
def advised(folder: Path) -> Iterator[None]:
    """Let an error that its settings brought a run to say what to type.

    Raises:
        ModelError: Such an error, with another folder in its advice: this one is of a run under these settings.
    """
    try:
        yield
    except SettingsFailedError as error:
        free = next(f"{folder}-{number}" for number in itertools.count(2) if not Path(f"{folder}-{number}").exists())
        raise ModelError(
            f"{error}. Type the command again with this at its end: --set {error.changes} --output_dir "
            f"{shlex.quote(free)} ({folder} holds a run under other settings)"
        ) from error
