"""Files of timelines and of what is true of videos: ours, and those of others."""
