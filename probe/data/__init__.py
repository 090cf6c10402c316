"""Texts in."""
