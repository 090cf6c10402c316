"""Batch scans measured: what they cost beside the library, what a kill costs, and what a million rows take."""
