"""What to install for a module that DeepfakeBench imports and this Python lacks."""

from __future__ import annotations

from typing import Final

from deepfakebench_ext.common.errors import HostError
from deepfakebench_ext.host.packages import STANDING_IN

# Where what pip takes is not the module's name.
_PIP_NAMES: Final = {
    "PIL": "pillow",
    "albumentations": "'albumentations==1.3.1'",  # later ones augment differently, without a word
    "clip": "git+https://github.com/openai/CLIP.git",
    "cv2": "opencv-python-headless",
    "dlib": "dlib-bin",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}

# What the `host` extra brings, in setup.cfg.
BROUGHT_BY_EXTRA: Final = frozenset(
    (
        *("albumentations", "cv2", "efficientnet_pytorch", "einops", "fvcore", "imageio", "kornia", "lmdb", "loralib"),
        *("scipy", "simplejson", "skimage", "sklearn", "tensorboard", "timm", "torchvision", "tqdm", "yaml"),
    )
)
# DeepfakeBench's own top-level names: one that is missing was not forgotten by pip.
_OWN: Final = frozenset((*STANDING_IN, "logger", "metrics", "optimizor", "trainer", "training"))


def pip_name(module: str) -> str:
    """Return what `pip install` takes for the top-level package of a module."""
    top = module.split(".")[0]
    return _PIP_NAMES.get(top, top)


def is_own(module: str) -> bool:
    """Return whether a module belongs to DeepfakeBench itself."""
    return module.split(".")[0] in _OWN


def explained(error: ImportError) -> HostError:
    """Return the error that says what to type for a module that is not installed, or what else cannot be imported."""
    module = error.name
    if not isinstance(error, ModuleNotFoundError) or module is None:  # raised by hand, such as by transformers
        return HostError(f"something that DeepfakeBench imports cannot be imported: {error}")
    if is_own(module):
        return HostError(f"DeepfakeBench imports its own {module!r}, which this checkout does not hold")
    whole = "pip install 'deepfakebench-ext[host]'" if module.split(".")[0] in BROUGHT_BY_EXTRA else ""
    alone = f"pip install {pip_name(module)}"
    return HostError(f"DeepfakeBench imports {module!r}, which is not installed; type: {whole or alone}")
