"""Who wears what is needed: heads (grouping), tracks (over time), watcher (events), record (what is written).

Limits: what the network overlooks counts as missing; a head that wears neither item is not seen at all; and heads that
cross or are half hidden may be taken for one another.
"""
