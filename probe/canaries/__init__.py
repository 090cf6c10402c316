"""Canaries: texts drawn by chance, planted before publication, and the rank test of who read them."""
