"""How good the scores are: metrics with intervals."""
