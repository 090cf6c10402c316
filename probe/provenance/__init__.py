"""What a result needs to be repeated, the repetition, and bundles of evidence that show tampering."""
