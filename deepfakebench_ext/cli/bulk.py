"""`dfb-ext bulk`: one evaluation over the machines of a Ray cluster, or over this machine's cores."""

from __future__ import annotations

from typing import Any

import click

from deepfakebench_ext.cli.evaluate import request_of
from deepfakebench_ext.cli.evaluated import finish, finish_known
from deepfakebench_ext.cli.inputs import places_of
from deepfakebench_ext.cli.options import (
    CONTEXT,
    DECIDING,
    DETECTOR,
    DRY_RUN,
    FACES,
    INPUT,
    MAX_FAILURES,
    OUTPUT,
    OWN,
    RUNNING,
    VIDEO,
    WHOSE_FACE,
    SpacedCommand,
    option,
    options,
)
from deepfakebench_ext.cli.plans import detector_text, samples_text, say_plan
from deepfakebench_ext.cli.terminal import note, warn
from deepfakebench_ext.cli.values import Whole
from deepfakebench_ext.models.quiet import hush_transformers

_EXAMPLES = """
\b
Examples:
  dfb-ext bulk --weights w.pth --manifest all.csv --actors 2
  dfb-ext bulk --weights org/deepfake-vit --video videos/ --address auto

\b
Ends with the run of evaluate, byte for byte the same scores and figures; killed, the same command goes on. All machines
must reach the files, and see the weights, under the paths that were typed.
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some inputs could not be scored.
"""
_CLUSTER = (
    option(
        "--address",
        group="running",
        envvar="RAY_ADDRESS",
        metavar="HOST:PORT|auto",
        everyday=True,
        help="Of a Ray cluster; else $RAY_ADDRESS. Default: this machine's cores.",
    ),
    option(
        "--actors",
        group="running",
        type=Whole(),
        everyday=True,
        help="Processes that hold the detector. Default: one a GPU, without any one a machine.",
    ),
)


@click.command("bulk", cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("paths", nargs=-1, callback=places_of)
@options(
    INPUT,
    DETECTOR,
    OWN,
    VIDEO,
    FACES,
    WHOSE_FACE,
    DECIDING,
    RUNNING,
    _CLUSTER,
    (MAX_FAILURES,),
    DRY_RUN,
    OUTPUT,
)
def bulk(address: str | None, actors: int | None, max_failures: float | None, **given: Any) -> None:
    """Score images and videos on a Ray cluster: the run that evaluate would write, whoever is killed."""
    from deepfakebench_ext.common.notices import untrained_head
    from deepfakebench_ext.evaluation.finished import finished

    request = request_of(given)
    if not given["dry_run"] and (known := finished(request)) is not None:
        return finish_known(known, str(given["weights"]), as_json=given["as_json"])
    hush_transformers()
    settings = request.settings()
    (each,) = request.inputs(settings)
    if given["dry_run"]:
        what = given["detector"] or detector_text(given, settings.model_name)
        where = f"on the Ray cluster {address}" if address else "on this machine's cores, by Ray"
        lines = [f"would score {each.source}: {samples_text(each.samples)}", f"with {what}, {where}"]
        return say_plan(*lines, f"into a run below {request.output_dir}")
    from deepfakebench_ext.engine.ray_cluster import RayCluster
    from deepfakebench_ext.evaluation.bulk import bulk as score

    note(samples_text(each.samples))
    with RayCluster(address, actors=actors, device=request.device) as cluster:
        result = score(request, each, cluster, max_failures=max_failures)
    if not result.trained:
        warn(untrained_head(str(given["weights"])))
    return finish({each.source: result}, by_name=False, as_json=given["as_json"])
