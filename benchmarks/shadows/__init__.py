"""Attacks with shadow models, on models whose training texts are known."""
