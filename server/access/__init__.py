"""Who is let in: Host and Origin, keys and their scopes, owners, and the record of who asked what."""
