"""HTTP only: translates between requests and `probe`, never computes a figure."""
