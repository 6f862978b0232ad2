"""Which parameters of a detector are trained, at which rate, and how what was trained becomes plain weights again."""
