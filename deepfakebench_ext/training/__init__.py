"""Fine-tune a detector, from recipe to results."""
