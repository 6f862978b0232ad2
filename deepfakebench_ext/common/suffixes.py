"""Which files are taken for images, for videos and for manifests, by their names."""

from __future__ import annotations

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
_OF_IMAGES = tuple(IMAGE_SUFFIXES)


def is_image_name(name: str) -> bool:
    """Whether a file is taken for an image: one of IMAGE_SUFFIXES in any case, and not hidden (`.`, `._`)."""
    return not name.startswith(".") and name.lower().endswith(_OF_IMAGES)


VIDEO_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".ogv", ".ogm", ".avi", ".divx"),
        *(".mpg", ".mpeg", ".mpe", ".m2v", ".vob", ".ts", ".mts", ".m2ts", ".flv", ".f4v", ".wmv", ".asf"),
    }
)
_OF_VIDEOS = tuple(VIDEO_SUFFIXES)


def is_video_name(name: str) -> bool:
    """Whether a file is taken for a video: one of VIDEO_SUFFIXES in any case, and not hidden (`.`, `._`)."""
    return not name.startswith(".") and name.lower().endswith(_OF_VIDEOS)


MANIFEST_SUFFIXES = (".csv", ".json", ".parquet")
"""Of files that list what is to be scored."""
