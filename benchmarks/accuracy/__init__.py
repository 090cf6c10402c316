"""How well the scores tell members from non-members, on models trained here on a known random half of real books."""
