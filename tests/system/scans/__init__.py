"""Batch scans by real processes, real databases and real clients, with whatever may end them."""
