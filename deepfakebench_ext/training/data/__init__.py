"""Training samples: splits, leaks, augmentation, batches."""
