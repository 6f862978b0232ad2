"""Results on paper: text, tables, pictures."""
