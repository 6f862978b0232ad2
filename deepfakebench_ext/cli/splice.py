"""`dfb-ext splice`: films with manipulated stretches whose start and end are known, and the truth of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from deepfakebench_ext.cli.inputs import paths_of
from deepfakebench_ext.cli.options import CONTEXT, DRY_RUN, FINDING_FACES, SpacedCommand, option, options, record_of
from deepfakebench_ext.cli.plans import samples_text, say_plan
from deepfakebench_ext.cli.terminal import say
from deepfakebench_ext.cli.values import Whole
from deepfakebench_ext.common.wording import counted

_EXAMPLES = """
\b
Examples:
  dfb-ext splice real/ --face_detector dlib --output_dir spliced
  dfb-ext analyze spliced/ --weights w.pth --face_detector dlib
  dfb-ext timeline-metrics inference_results/ --truth spliced/segments.json

\b
Exit codes: 0 done, 1 failure, 2 usage, 3 done but some videos could not be used.
"""


@click.command(cls=SpacedCommand, epilog=_EXAMPLES, context_settings=CONTEXT)
@click.argument("videos", nargs=-1, required=True, callback=paths_of)
@options(FINDING_FACES, DRY_RUN)
@option(
    "--per_video",
    group="video",
    type=Whole(),
    everyday=True,
    default=2,
    show_default=True,
    help="Manipulated stretches of each video, at most.",
)
@option(
    "--seed",
    group="video",
    type=Whole(0),
    default=0,
    show_default=True,
    help="Of where they lie and how they are blended.",
)
@option(
    "--crf",
    group="output",
    type=Whole(0, 51),
    default=20,
    show_default=True,
    help="Quality of both copies: 0 loses nothing, 51 all.",
)
@option(
    "--output_dir",
    group="output",
    everyday=True,
    metavar="DIR",
    default="spliced",
    show_default=True,
    help="Where real/, fake/ and segments.json go.",
)
def splice(**given: Any) -> None:
    """Make a labelled set out of real videos: copies with self-blended stretches of known start and end."""
    from deepfakebench_ext.analysis import splicing
    from deepfakebench_ext.analysis.analyze import films_of
    from deepfakebench_ext.analysis.seeing import sure
    from deepfakebench_ext.common.errors import ConfigError
    from deepfakebench_ext.engine.input_options import FaceFinding
    from deepfakebench_ext.media.film_writer import check_films_can_be_written

    check_films_can_be_written("dfb-ext splice")
    reader = record_of(FaceFinding, given).cutting((224, 224))
    if reader is None:
        raise ConfigError("a face is what is blended: give --face_detector dlib, or --landmark_model")
    films = films_of(given["videos"])
    if given["dry_run"]:
        return say_plan(
            f"would splice {samples_text(films, 'video')}: up to {given['per_video']} stretches each",
            f"into {given['output_dir']}/real, {given['output_dir']}/fake and {given['output_dir']}/segments.json",
        )
    truth, refused = splicing.splice(
        films,
        Path(given["output_dir"]),
        sure(reader),
        per_film=given["per_video"],
        seed=given["seed"],
        crf=given["crf"],
    )
    say(f"truth in {truth}")
    for reason in refused:
        say(f"left out: {reason}", err=True)
    if refused:
        say(f"{counted(len(refused), 'video')} could not be used", err=True)
        sys.exit(3)
