"""Where a face goes in its crop: geometry on points and boxes. NumPy only, no I/O.

Points are (K, 2) arrays of x, y in pixels. Boxes are x0, y0, x1, y1 in pixels, half-open: x1 - x0 is the width.
Left and right are the picture's, not the person's.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.floating]

FIVE_POINTS_68 = (37, 44, 30, 49, 55)
"""Left eye, right eye, nose, left and right corner of the mouth, as DeepfakeBench picks them from 68 or 81 landmarks.

49 and 55 are the neighbours of the corners (48, 54); kept for parity. Source: DeepfakeBench preprocess.py:109-113.
"""

LANDMARK_COUNTS = (5, 68, 81)

# The five points in a crop of 96 x 112; 8 pixels on either side make it 112 x 112. Source: preprocess.py:129-137.
_TEMPLATE_96 = ((30.2946, 51.6963), (65.5318, 51.5014), (48.0252, 71.7366), (33.5493, 92.3655), (62.7299, 92.2041))
_MARGIN_PX = 8.0
_TEMPLATE_SIDE_PX = 112


def template(size_px: tuple[int, int], scale: float = 1.3) -> npt.NDArray[np.float32]:
    """Where the five points go in a crop: (5, 2) float32, in the order of `FIVE_POINTS_68`.

    Rounded to float32 after each step, as DeepfakeBench does: a matrix of another 7th digit makes other pixels.

    Args:
        size_px: Height and width of the crop. If it is not square, the face fills the square in its middle.
        scale: How much more than the 112-px template the crop shows; 1.0 shows as much.

    Source:
        DeepfakeBench preprocess.py:128-154; equal to it for square crops.
    """
    height, width = size_px
    side = min(height, width)
    margin = side * (scale - 1) / 2.0
    points = np.array(_TEMPLATE_96, dtype=np.float32)
    points[:, 0] += _MARGIN_PX
    points *= side
    points /= _TEMPLATE_SIDE_PX
    points += margin
    points *= side / (side + 2 * margin)
    return points + np.array([(width - side) / 2, (height - side) / 2], dtype=np.float32)


def five_points(landmarks_px: Points) -> Points:
    """The (5, 2) points that `template` places, of (K, 2) landmarks with K 5, 68 or 81.

    Raises:
        ValueError: Another shape.
    """
    if landmarks_px.ndim != 2 or landmarks_px.shape[1] != 2 or len(landmarks_px) not in LANDMARK_COUNTS:
        counts = ", ".join(map(str, LANDMARK_COUNTS))
        raise ValueError(f"landmarks have the shape {landmarks_px.shape}; it must be (K, 2) with K one of {counts}")
    return landmarks_px if len(landmarks_px) == 5 else landmarks_px[list(FIVE_POINTS_68)]


def similarity(src: Points, dst: Points) -> npt.NDArray[np.float64]:
    """The rotation, uniform scale and shift that bring `src` closest to `dst` in the least-squares sense: (2, 3).

    Means, covariance and its decomposition have the precision of the points, so that float32 points give the matrix
    that scikit-image's `SimilarityTransform.estimate` gives for them, to the last bit. Never a reflection.

    Args:
        src: (K, 2) floats, K at least 2.
        dst: (K, 2) floats.

    Raises:
        ValueError: Shapes that differ or are too small, values that are not finite, or points that all coincide.

    Source:
        Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991,
        equations 38 to 43.
    """
    _check_pairs(src, dst)
    src_mean, dst_mean = src.mean(axis=0), dst.mean(axis=0)
    src_centred, dst_centred = src - src_mean, dst - dst_mean
    u, singular, vt = np.linalg.svd(dst_centred.T @ src_centred / len(src))
    spread = src_centred.var(axis=0).sum()
    if spread == 0 or singular[0] == 0:
        raise ValueError(f"the points {src.tolist()} and {dst.tolist()} have no orientation: all of them coincide")
    signs = np.array([1.0, 1.0 if np.linalg.det(u) * np.linalg.det(vt) > 0 else -1.0])
    turn = u @ np.diag(signs) @ vt
    scale = 1.0 / spread * (singular @ signs)
    return np.column_stack([scale * turn, dst_mean - scale * (turn @ src_mean)])


def transform_points(points: Points, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(K, 2) points moved by a (2, 3) affine matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def square_box(
    bbox_px: tuple[float, float, float, float], size_px: tuple[int, int] = (1, 1), scale: float = 1.3
) -> tuple[int, int, int, int]:
    """The region to cut around a box: whole pixels, centred on it, `scale` times its longer side; may leave the frame.

    Args:
        bbox_px: x0, y0, x1, y1 of the face.
        size_px: Height and width of the crop to be made. If it is not square, the region is as little, and the square
            lies in its middle.
        scale: Side of the square over the longer side of the box.

    Raises:
        ValueError: A box that is empty or not finite.
    """
    x0, y0, x1, y1 = bbox_px
    if not all(map(math.isfinite, bbox_px)) or x1 <= x0 or y1 <= y0:
        raise ValueError(f"the box {bbox_px} is empty or not finite; it must be x0 < x1, y0 < y1")
    side = max(x1 - x0, y1 - y0) * scale / min(size_px)
    height, width = (max(1, round(side * edge)) for edge in size_px)
    left, top = round((x0 + x1 - width) / 2), round((y0 + y1 - height) / 2)
    return left, top, left + width, top + height


def _check_pairs(src: Points, dst: Points) -> None:
    if src.shape != dst.shape or src.ndim != 2 or src.shape[1] != 2 or len(src) < 2:
        raise ValueError(f"points have the shapes {src.shape} and {dst.shape}; both must be (K, 2) with K at least 2")
    if not (np.isfinite(src).all() and np.isfinite(dst).all()):
        raise ValueError("points must be finite, and some are not")
