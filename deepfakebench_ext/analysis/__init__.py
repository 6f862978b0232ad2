"""The timeline of a video: tracks, scores over time, segments, keyframes."""
