"""Who wears what is needed: heads (grouping), tracks (over time), record (what is written)."""
