"""Whether a built wheel holds this checkout's package and detector configs, all of them and nothing else."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "deepfakebench_ext"
CONFIGS = "configs/detector"


def expected() -> set[str]:
    """What a wheel is to hold, beside its metadata and the scripts."""
    files = [path.relative_to(ROOT) for path in (ROOT / PACKAGE).rglob("*") if path.is_file()]
    configs = [Path(PACKAGE) / path.relative_to(ROOT) for path in (ROOT / CONFIGS).iterdir()]
    return {path.as_posix() for path in [*files, *configs] if "__pycache__" not in path.parts}


def main(wheel: Path) -> None:
    """Say what differs, and exit with 1 where something does."""
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(f"{PACKAGE}/")}
    lacking, strange = sorted(expected() - held), sorted(held - expected())
    if lacking or strange:
        sys.exit(f"{wheel.name} lacks {lacking} and holds {strange}; see [options] in setup.cfg")
    print(f"{wheel.name} holds all {len(held)} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
