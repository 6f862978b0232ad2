"""A detector written in the forms that others read."""
