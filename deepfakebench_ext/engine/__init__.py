"""Loading, predicting, run directories, training."""
