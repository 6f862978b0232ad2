"""The process that computes: it holds the detectors, and judges one upload at a time, as lines of JSON tell it.

A worker starts it as `python -m deepfakebench_ext.service.network`, gives it the settings as its first line, and ends
it where it hangs, grows or is no longer wanted: what a stranger's file does to a decoder ends here. Lines that come in:
`judge` (a job) and `stop` (leave it). Lines that go out: `model` (one is loaded), `unusable` (one cannot be), `ready`,
and of a job `progress`, then `done`, `refused`, `hindered` or `stopped`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from deepfakebench_ext.analysis.analyze import analyse_film, score_settings
from deepfakebench_ext.common.atomic_files import atomic_writer
from deepfakebench_ext.common.errors import ExtError, OutputError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.engine.file_inputs import file_reader
from deepfakebench_ext.engine.input_options import NOTHING_SAID, FaceOptions
from deepfakebench_ext.engine.predictor import default_batch_size, predict
from deepfakebench_ext.engine.run_directory import fingerprint
from deepfakebench_ext.models.quiet import hush_transformers
from deepfakebench_ext.models.scoring import ScoringDetector
from deepfakebench_ext.service.network_names import SCORE
from deepfakebench_ext.service.proxy import write_proxy
from deepfakebench_ext.service.settings import ServedModel, ServiceSettings
from deepfakebench_ext.service.task import Task
from deepfakebench_ext.service.wishes import Wishes, analysis_request

_TELL_EVERY_S = 0.2
_SCORING = 0.95
"""Share of the progress at which all is scored, and files are written."""


class StoppedError(Exception):
    """The job is to be left."""


class _Served:
    """A loaded detector, and what it was told to be."""

    def __init__(self, name: str, model: ServedModel) -> None:
        self.name, self.model = name, model
        request = analysis_request(model, Wishes())
        self.detector: ScoringDetector = request.load(request.settings())
        how = request.how(self.detector)
        self.chosen = how.threshold
        self.digest = fingerprint(score_settings(self.detector, how) | {"threshold": repr(how.threshold)})

    def about(self) -> dict[str, Any]:
        report, settings = self.detector.report, self.detector.settings
        return {
            "detector": settings.model_name,
            "takes": self.detector.takes,
            "weights": asdict(report),
            **self.detector.computing,
            "threshold": self.chosen.policy.onset,
            "threshold_source": self.chosen.source,
            "calibrated": self.chosen.chosen is not None,
        }


class _Network:
    def __init__(self, settings: ServiceSettings, say: Callable[[dict[str, Any]], None]) -> None:
        self._settings, self._say, self._stop = settings, say, threading.Event()
        self._served = {name: self._loaded(name, model) for name, model in settings.models.items()}
        self._said_at = 0.0

    def stop(self) -> None:
        """Leave the job that is being judged."""
        self._stop.set()

    def judge(self, task: Task) -> None:
        """Judge one upload, and say what became of it."""
        self._stop.clear()
        try:
            judge = self._film if task.kind == "video" else self._image
            self._say({"is": "done", "run": judge(task, Path(task.file), self._served[task.model])})
        except StoppedError:
            self._say({"is": "stopped"})
        except OutputError as error:  # the machine's fault and not the upload's: worth another attempt
            self._say({"is": "hindered", "reason": self._without_paths(str(error), task)})
        except ExtError as error:
            self._say({"is": "refused", "reason": self._without_paths(str(error), task)})

    def _film(self, task: Task, file: Path, served: _Served) -> str:
        request = analysis_request(served.model, Wishes(**task.params), output_dir=task.folder)
        how = replace(request.how(served.detector), shown_as=task.filename, tell=self._tell)
        found = analyse_film(served.detector, Sample(task.filename, str(file)), how)
        if found.timeline is None or found.folder is None:
            raise ExtError(found.reason)
        write_proxy(found.folder, file, self._go_on)
        return found.folder.name

    def _image(self, task: Task, file: Path, served: _Served) -> str:
        if served.detector.takes != "image":
            raise ExtError(f"{served.name} scores videos, and no images; name another detector")
        finding = analysis_request(served.model, Wishes()).cutting
        faces = FaceOptions(**asdict(finding)).reader(served.detector)  # as `evaluate` cuts images
        picture = Path(task.folder) / "upload.jpg"  # a name by which it is an image; what kind, its bytes say
        shutil.copyfile(file, picture)
        sample = Sample(task.filename, str(picture))
        reader = file_reader(served.detector, NOTHING_SAID, faces)
        batch_size = served.model.batch_size or default_batch_size(served.detector)
        (scored,) = (
            each
            for batch in predict(served.detector, reader, [sample], batch_size=batch_size, workers=1)
            for each in batch
        )
        folder = Path(task.folder) / "image"
        folder.mkdir(exist_ok=True)
        values = {"file": task.filename, **asdict(scored), "detector": asdict(served.detector.report)}
        del values["key"]
        values["reason"] = self._without_paths(scored.reason.replace(str(picture), task.filename), task)
        with atomic_writer(folder / SCORE) as stream:
            json.dump(values, stream, indent=1, ensure_ascii=False, allow_nan=False)
        return folder.name

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise StoppedError

    def _tell(self, now_us: int, whole_us: int) -> None:
        self._go_on()
        now = time.monotonic()
        if now - self._said_at >= _TELL_EVERY_S:
            self._said_at = now
            share = min(now_us / whole_us, 1.0) if whole_us > 0 else 0.0
            self._say({"is": "progress", "progress": round(_SCORING * share, 4)})

    def _loaded(self, name: str, model: ServedModel) -> _Served:
        served = _Served(name, model)
        self._say({"is": "model", "name": name, "digest": served.digest, "about": served.about()})
        return served

    def _without_paths(self, reason: str, task: Task) -> str:
        """What went wrong, without where things lie on this machine."""
        shown = reason.replace(task.file, task.filename).replace(task.folder, "the job's folder")
        shown = shown.replace(str(self._settings.folder.absolute()), "the data folder")
        for typed in self._served[task.model].model.paths:
            shown = shown.replace(typed, Path(typed).name)
        return shown


def main() -> None:
    """Load, then judge what comes until the worker closes the line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which ends this one in its own time
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    hush_transformers()
    say = _speaker()
    settings = ServiceSettings.model_validate_json(sys.stdin.readline())
    try:
        network = _Network(settings, say)
    except ExtError as error:
        say({"is": "unusable", "reason": str(error), "exit_code": error.exit_code})
        return
    tasks: SimpleQueue[Task] = SimpleQueue()
    threading.Thread(target=_listen, args=(network, tasks), daemon=True).start()
    say({"is": "ready"})
    while True:  # until the worker ends the line, which ends the process
        network.judge(tasks.get())


def _listen(network: _Network, tasks: SimpleQueue[Task]) -> None:
    for line in sys.stdin:
        said = json.loads(line)
        if said.pop("do") == "stop":
            network.stop()
        else:
            tasks.put(Task(**said))
    os._exit(0)  # the worker is gone: nobody wants what is being computed


def _speaker() -> Callable[[dict[str, Any]], None]:
    """What writes lines to the worker. Whatever else prints to standard output, prints to standard error."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(values: dict[str, Any]) -> None:
        with lock:
            lines.write(json.dumps(values) + "\n")
            lines.flush()

    return say


if __name__ == "__main__":
    main()
