"""How much of a text a model holds word for word: extraction, documents and books, personal data.

tokens -> windows of prefix + suffix -> p_z under target and reference -> shares, runs, samples needed
"""
