"""Batch scans: a file of texts -> shards -> scored parts -> one answer, by any number of workers, any of which may die.

    input (rows) -> split (shards) -> score (parts) -> finish (q-values, files, summary)

The unit of durability is a shard: one Parquet part, written beside its name and then moved to it. The ledger (a
database) says which shards are done; whatever was begun and not done is begun again by whoever comes next.
"""
