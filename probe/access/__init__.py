"""Who may ask the service for what: keys, their owners, and how much of it."""
