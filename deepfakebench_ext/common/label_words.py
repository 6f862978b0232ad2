"""What people call real and fake, by whole words: `train` holds no `ai`, and `surreal` is not real. No I/O."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import pairwise

from deepfakebench_ext.common.types import FAKE, Label

_REAL = """
real reals original originals authentic genuine pristine natural nature bonafide
unmanipulated unaltered untampered nonfake notfake
"""
_FAKE = """
fake fakes faked deepfake deepfakes deepfaked nonreal notreal inauthentic
synthetic synthesis synthesized synthesised artificial ai aigc aigen aigenerated
manipulated manipulation manipulations forged forgery forgeries tampered tampering spoof spoofed spoofing
faceswap faceswaps face2face neuraltextures faceshifter
"""
# Right for the classes of a detector, where the other class confirms the reading, but not for directories: `human` and
# `live` are subjects, `generated` is where any program writes its output, `gan` is a family name.
_REAL_CLASS = "realism human humans hum live legit legitimate unedited unmodified"
_FAKE_CLASS = """
generated altered edited modified swapped reenacted inpainted inpainting attack replay
gan gans diffusion stylegan progan biggan cyclegan stargan midjourney dalle sdxl realesrgan realvis realvisxl
"""
# A directory with one of these names the subject, not the content: DeepfakeBench, ai-project, DeepFakeDetection (whose
# parent in FaceForensics++ is manipulated_sequences, so it loses nothing).
_SUBJECTS = """
bench benchmark challenge classification classifier course detect detection detector detectors forensics
lab project projects research toolkit
"""
# Classes beside real and fake that are neither: an input that is no face, a verdict that was not reached.
_NEITHER = """
ambiguous background bg blank blur blurred blurry corrupt corrupted distribution dummy empty error faceless ignore
ignored inconclusive indeterminate invalid irrelevant label missing misc miscellaneous na neither neutral noface nofaces
nonface nonfaces nonhuman none nothing null occluded occlusion other others ood pad padding pending placeholder quality
reject rejected reserved skip suspicious unassigned uncertain unclassified unclear undecided undefined undetermined
unidentified unknown unlabeled unlabelled unrelated unspecified unsupported unsure untrained unusable unused void
"""
_NEGATIONS = {"not", "non", "no", "un", "without", "never"}
_FILLERS = {"a", "an", "the"}
_OPPOSITE: dict[Label, Label] = {0: 1, 1: 0}


def _vocabulary(real: str, fake: str) -> dict[str, Label]:
    """Word -> what it claims: 0 real, 1 fake."""
    claims: dict[str, Label] = dict.fromkeys(real.split(), 0)
    claims.update(dict.fromkeys(fake.split(), 1))
    return claims


_FOLDER_WORDS = _vocabulary(_REAL, _FAKE)
_CLASS_WORDS = _vocabulary(f"{_REAL} {_REAL_CLASS}", f"{_FAKE} {_FAKE_CLASS}")


def words(text: str) -> list[str]:
    """The lower-cased words of a name, split at punctuation, digits and humps, in order.

    A chunk of several parts also stands whole, after its parts: `FaceSwap_c23` gives face, swap, faceswap, c, c23.
    """
    found = []
    for chunk in _chunks(text):
        parts = [part for part in _parts(chunk) if not part.isdigit()]
        whole = chunk.lower()
        found += parts if whole in parts or whole.isdigit() else [*parts, whole]
    return found


def claims(text: str) -> frozenset[Label]:
    """What the name of a class says: REAL, FAKE, both or nothing.

    `not`, `non`, `no` and `un` turn the claim that follows (`not_ai_generated` is real).
    """
    return _claims(text, _CLASS_WORDS)


def is_neither(text: str) -> bool:
    """Whether the name of a class says that it is neither real nor fake: `no_face`, `background`, `unknown`, `LABEL_2`.

    A name without words (`2`, `?`, nothing) says neither, and so do those of one letter a word, such as `n/a`.
    """
    found = words(text)
    negated = bool(found) and found[0] in _NEGATIONS
    wordless = all(len(word) == 1 for word in found)
    return not claims(text) and (negated or wordless or not set(_NEITHER.split()).isdisjoint(found))


def folder_claims(name: str) -> frozenset[Label]:
    """What the name of one directory says about the files in it: REAL, FAKE, both or nothing.

    Knows fewer words than `claims`, and reads nothing into a directory named after the subject (`deepfake-detector`).
    """
    found = _claims(name, _FOLDER_WORDS)
    if found == {FAKE} and not set(_SUBJECTS.split()).isdisjoint(words(name)):
        return frozenset()
    return found


def is_bare_claim(name: str) -> bool:
    """Whether the name of a directory is nothing but a label, numbers aside: `ai`, `0_real`, `not_fake`."""
    found = [word for word in _units(name, _FOLDER_WORDS) if not word.isdigit()]
    return bool(folder_claims(name)) and {*found} <= {*_FOLDER_WORDS, *_NEGATIONS, *_FILLERS}


def _claims(text: str, vocabulary: Mapping[str, Label]) -> frozenset[Label]:
    found: set[Label] = set()
    negating, turned = False, None
    for word in _units(text, vocabulary):
        if word in _FILLERS:
            continue
        claim = vocabulary.get(word)
        if claim is None:
            negating, turned = word in _NEGATIONS, None
        elif negating and turned in (None, claim):  # "not ai generated" turns both words, "no fake, real" only one
            found.add(_OPPOSITE[claim])
            turned = claim
        else:
            found.add(claim)
            negating = False
    return frozenset(found)


def _units(text: str, vocabulary: Mapping[str, Label]) -> Iterator[str]:
    """The parts of a name, two or three in a row that make a known word as one: FaceSwap, bona-fide, face2face."""
    parts = [part for chunk in _chunks(text) for part in _parts(chunk)]
    position = 0
    while position < len(parts):
        widths = (width for width in (3, 2) if "".join(parts[position : position + width]) in vocabulary)
        width = next(widths, 1)
        yield "".join(parts[position : position + width])
        position += width


def _chunks(text: str) -> list[str]:
    """Runs of letters and digits, in the spelling that makes a composed é one letter."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text))


def _parts(chunk: str) -> list[str]:
    """Runs of digits and, at humps, pieces of the runs of letters, lower-cased."""
    runs = re.findall(r"\d+|[^\W\d_]+", chunk)
    return [piece for run in runs for piece in _humps(run)]


def _humps(run: str) -> list[str]:
    """`AIGenerated` -> ai, generated: cut before a capital that follows a small letter or begins a word."""
    cuts = [
        at
        for at in range(1, len(run))
        if run[at].isupper() and (run[at - 1].islower() or run[at + 1 : at + 2].islower())
    ]
    return [run[start:end].lower() for start, end in pairwise([0, *cuts, len(run)])]
