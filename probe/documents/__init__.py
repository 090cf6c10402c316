"""Documents in: a file -> pages and paragraphs -> passages, each with its place in the original.

bytes -> leaves (plain, html, epub, pdf) -> paragraphs (mend) -> Document -> passages
"""
