"""Report heads that lack a required item: heads (grouping), tracks (over time), watcher (events), record (output).

Limitations: items that the model misses count as missing; a head that wears neither item is not detected; and heads
that cross or are partly hidden may be confused.
"""
