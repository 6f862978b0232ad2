"""How faces are found: a face detector with its models."""

from __future__ import annotations

from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.engine.input_options import FaceFinding
from deepfakebench_ext.service.diagnosis.finding import Finding

_ANY_SIZE = (224, 224)


def look_at_faces(finding: FaceFinding) -> Finding:
    """Return whether faces can be found as asked: the models are loaded."""
    try:
        reader = finding.cutting(_ANY_SIZE)
    except ExtError as error:
        return Finding(name="faces", is_found=False, said=str(error), is_asked=True)
    if reader is None:
        return Finding(name="faces", is_found=True, said="none are looked for: frames stay whole", is_asked=True)
    settings = reader.for_videos.to_dict()
    model = finding.landmark_model or finding.face_model
    with_model = f" with {model}" if model is not None else ", cut around the box: no --landmark_model is given"
    version = " ".join(f"{name} {each}" for name, each in settings["versions"].items())
    said = f"{finding.detector}{with_model} ({version})"
    return Finding(name="faces", is_found=True, said=said, is_asked=True, details=settings)
