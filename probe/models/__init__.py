"""The serving layer: tokens in, token statistics out."""
