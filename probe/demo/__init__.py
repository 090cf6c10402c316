"""The embedded target, reference and sibling, and the corpus they were trained on."""
