"""Which frames make a clip: index arithmetic only. No I/O."""

from __future__ import annotations


def clip_indices(num_frames: int, *, clip_len: int, frame_interval: int = 1) -> tuple[int, ...]:
    """Indices of the clip in the middle of a video, evenly `frame_interval` frames apart, ascending.

    The clip spans `(clip_len - 1) * frame_interval + 1` frames; where the rest is odd, the longer margin follows it.

    Args:
        num_frames: Frames there are; indices are in [0, num_frames).
        clip_len: Frames the clip has.
        frame_interval: Distance between two frames of the clip, in frames; 1 takes neighbours.

    Raises:
        ValueError: The video is shorter than the span, or a count is below 1.
    """
    if clip_len < 1 or frame_interval < 1:
        raise ValueError(f"clip_len ({clip_len}) and frame_interval ({frame_interval}) must be at least 1")
    span = (clip_len - 1) * frame_interval + 1
    if num_frames < span:
        raise ValueError(
            f"a clip of {clip_len} frames, every {frame_interval}, spans {span} frames and there are only {num_frames}"
        )
    start = (num_frames - span) // 2
    return tuple(range(start, start + span, frame_interval))
