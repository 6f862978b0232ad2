"""Files that lie elsewhere: behind URLs, listed and fetched into a bounded cache, and within tars."""
