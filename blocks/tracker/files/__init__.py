"""Tickets as YAML files in a folder: the embedded tracker. The block is in `tracker`."""
