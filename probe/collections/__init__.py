"""Sets of documents instead of single texts: are members among them, and what share of them."""
