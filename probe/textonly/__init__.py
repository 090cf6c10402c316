"""Attacks on targets that give text and no log-probabilities."""
