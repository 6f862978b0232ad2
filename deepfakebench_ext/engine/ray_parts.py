"""Parts of a run scored by Ray Data: paths go to actors that hold the detector, and scores come back.

Ray Data's own checkpoints are not used: what is done of a run is what lies in its `parts/`, whoever did it, so that a
run goes on by any command, and its machines need share no disk. A part that was lost with its actor fails here, and is
given out again by whoever asks.
"""

from __future__ import annotations

import json
import logging
import pickle
import socket
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from deepfakebench_ext.common.errors import ConfigError, ExtError, ModelError
from deepfakebench_ext.common.types import Prediction, Sample
from deepfakebench_ext.common.urls import is_url
from deepfakebench_ext.engine.claims import KILLED, MOST_IN_A_ROW, OF_THE_RUN
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.ray_cluster import RayCluster, in_folder
from deepfakebench_ext.engine.run_directory import digest_samples, journal_lines
from deepfakebench_ext.remote.sent import Known, keep, known_of

if TYPE_CHECKING:
    from deepfakebench_ext.engine.scorer import Scorer

logger = logging.getLogger(__name__)

_PART, _SENT, _SEEN, _SCORES, _ERROR, _KIND = "part", "sent", "seen", "scores", "error", "kind"
_LOST = f"{KILLED}, or its machine is gone"
_KINDS: Mapping[str, type[ExtError]] = {kind.__name__: kind for kind in OF_THE_RUN}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How parts are scored in another process.

    Attributes:
        make: Returns the scorer; called once an actor.
        settings: Of the scorer without samples, as the first machine said; on all others they must be the same.
        batch_size: Images, frames or clips of a batch.
        workers: Reading threads.
        folder: That relative paths start at.
    """

    make: Callable[[], Scorer]
    settings: Mapping[str, Any]
    batch_size: int
    workers: int
    folder: str


class Came(NamedTuple):
    """What a part came to: predictions, or why there are none.

    Attributes:
        number: Of the part.
        predictions: Of its samples.
        reason: Why it has none; empty where it has.
    """

    number: int
    predictions: list[Prediction]
    reason: str = ""


def scored_by_ray(cluster: RayCluster, how: Elsewhere, parts: Parts, numbers: Sequence[int]) -> Iterator[Came]:
    """Yield what parts came to, in the order in which they end; one whose process was killed is said in the end.

    Raises:
        ConfigError, MissingExtraError, OutputError: As the scorer; what no other try mends.
        ModelError: Several parts failed one after the other, each with an error.
    """
    data = cluster.ray.data
    context = data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks = -1
    rows = [_row(number, parts[number]) for number in numbers]
    # A part that waits for one actor would be lost with it, and to the others.
    pool = data.ActorPoolStrategy(size=min(cluster.shares.actors, len(rows)), max_tasks_in_flight_per_actor=1)
    with warnings.catch_warnings():
        # Ray means to name these otherwise. Without them it would try a part that kills its process for ever.
        warnings.simplefilter("ignore", DeprecationWarning)
        scored = data.from_items(rows, override_num_blocks=len(rows)).map(
            _Actor, fn_constructor_args=(how,), compute=pool, **cluster.each, max_restarts=-1, max_task_retries=0
        )
    left = set(numbers)
    try:
        for came in _came(scored.iter_rows()):
            left.discard(came.number)
            yield came
    except cluster.ray.exceptions.RayError as error:
        logger.warning("Ray gave up for now: %s", str(error).strip().splitlines()[-1])
    for number in sorted(left):
        yield Came(number, [], _LOST)


def _row(number: int, samples: Sequence[Sample]) -> dict[str, Any]:
    sent = (list(samples), known_urls(samples))
    return {_PART: number, _SENT: zlib.compress(pickle.dumps(sent), 1), _SEEN: _seen(samples)}


def known_urls(samples: Sequence[Sample]) -> Known:
    """Return what another process is to know of those samples that are URLs.

    Raises:
        FetchError, MissingExtraError: A store that cannot be asked.
    """
    return known_of(sample.file for sample in samples if is_url(sample.file))


def _seen(samples: Sequence[Sample]) -> str:
    """What tells whether two machines see the same files under these paths."""
    return digest_samples(samples, lambda sample: [sample.file])


def _came(rows: Iterable[Mapping[str, Any]]) -> Iterator[Came]:
    """What actors' answers say, until too many in a row are errors."""
    failed = 0
    for row in rows:
        if row[_KIND]:
            raise _KINDS[row[_KIND]](row[_ERROR])
        failed = failed + 1 if row[_ERROR] else 0
        if failed >= MOST_IN_A_ROW:
            raise ModelError(f"{failed} parts in a row failed, the last of {row[_ERROR]}")
        lines = zlib.decompress(row[_SCORES]).splitlines()
        yield Came(row[_PART], [Prediction.from_json(json.loads(line)) for line in lines], row[_ERROR])


class _Actor:
    """Holds a scorer in a process of Ray's."""

    def __init__(self, how: Elsewhere) -> None:
        self._how = how
        self._scorer: Scorer | None = None

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a part came to, or what it failed of: an error that Ray raised would have no name there."""
        answer = {_PART: row[_PART], _SCORES: zlib.compress(b""), _ERROR: "", _KIND: ""}
        try:
            samples, urls = pickle.loads(zlib.decompress(row[_SENT]))  # ours, of a moment ago
            keep(urls)
            return answer | {_SCORES: self._score(samples, row[_SEEN])}
        except OF_THE_RUN as error:
            return answer | {_ERROR: str(error), _KIND: type(error).__name__}
        except Exception as error:
            return answer | {_ERROR: f"{type(error).__name__}: {error}"}

    def _score(self, samples: list[Sample], seen: str) -> bytes:
        how = self._how
        if self._scorer is None:
            self._scorer = in_folder(how.folder, how.make)
            _check_alike(self._scorer.settings((), how.batch_size), how.settings)
        if _seen(samples) != seen:
            raise ConfigError(
                f"{socket.gethostname()} sees other files than the machine of the command, or none, at "
                f"{samples[0].file} and what follows it: all machines must reach the same files, of the same times, "
                "under the same paths"
            )
        batches = self._scorer.predict(samples, batch_size=how.batch_size, workers=how.workers, skip=0, parts=[samples])
        with closing(batches):
            lines = [json.dumps(line) for batch in batches for line in journal_lines(batch)]
        return zlib.compress("\n".join(lines).encode())


def _check_alike(here: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    """Pass a machine that computes as the first does.

    Raises:
        ConfigError: Another one, by what is different.
    """
    differ = sorted(name for name in {*here, *there} - {"fingerprint"} if here.get(name) != there.get(name))
    if differ:
        first = differ[0]
        raise ConfigError(
            f"{socket.gethostname()} computes in another way than the machine that was asked first, by "
            f"{', '.join(differ)}: {first} is {here.get(first)} there and was {there.get(first)}. Use machines of one "
            "kind, with the same versions and weights"
        )
