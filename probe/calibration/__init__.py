"""From scores to calibrated verdicts."""
