"""Every file of scores, its reader beside its writer."""
