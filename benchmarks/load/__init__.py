"""The service under load: 64 clients for minutes, a thousand at once, and a scan's worker that is killed meanwhile."""
