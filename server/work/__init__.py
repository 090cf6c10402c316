"""Who works behind the routes, and in which order: passes that requests share, jobs, batches."""
