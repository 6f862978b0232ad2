"""A detector in the forms that others run."""
