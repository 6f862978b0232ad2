"""Files to RGB frames, and which frames. Pixels are RGB uint8 (H, W, 3)."""
