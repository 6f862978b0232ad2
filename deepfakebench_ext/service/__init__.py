"""The timelines of videos over HTTP: jobs in SQL, workers that run them, the API, the page."""
