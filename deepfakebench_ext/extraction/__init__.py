"""Videos to aligned crops and the dataset JSON."""
