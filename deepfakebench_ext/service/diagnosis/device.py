"""On what is computed: torch and its devices."""

from __future__ import annotations

from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.common.wording import counted
from deepfakebench_ext.service.diagnosis.finding import Finding


def look_at_device(device: str) -> Finding:
    """Return what torch computes on.

    Args:
        device: As `load_detector`; all but `auto` was asked for.
    """
    try:
        import torch
    except (ImportError, OSError) as error:  # a library that it was built for is not there
        said = f"torch cannot be imported: {error}"
        return Finding(name="device", is_found=False, said=said, remedy="pip install --upgrade torch", is_asked=True)
    from deepfakebench_ext.models.placement import choose_device, choose_dtype

    try:
        chosen = choose_device(device)
    except ExtError as error:
        return Finding(name="device", is_found=False, said=str(error), is_asked=True)
    dtype = str(choose_dtype("auto", chosen)).removeprefix("torch.")
    cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    there = [f"CUDA {torch.version.cuda} with {', '.join(cards)}"] if cards else []
    there += ["MPS"] if torch.backends.mps.is_available() else []
    built = "" if torch.version.cuda or torch.version.hip else ", which is built without CUDA"
    gpu = " and ".join(there) or f"no CUDA and no MPS for torch {torch.__version__}{built}"
    said = f"{chosen} in {dtype}, {counted(torch.get_num_threads(), 'thread')}; {gpu}"
    details = {"torch": torch.__version__, "device": str(chosen), "dtype": dtype, "cuda_devices": cards}
    return Finding(name="device", is_found=True, said=said, is_asked=device != "auto", details=details)
