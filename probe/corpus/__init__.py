"""Corpora that are open or one's own: whether a text stands in one, as truth beside the statistic."""
