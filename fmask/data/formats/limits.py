"""Limits of annotation files, which are untrusted."""

MAX_BYTES = 512 * 2**20
"""Largest annotation file: parsed, a file takes ten times its size in memory. COCO's own largest file has 448 MiB."""

MAX_REGIONS = 2000
"""Largest number of regions of one photo: a check may take some 0.01 s, and no photo shows thousands of people."""
