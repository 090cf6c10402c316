"""Requests and answers as the service documents them. Shapes only: `probe` fills them."""
