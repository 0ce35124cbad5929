"""Stitch as a loader."""

from blocks.loader.stitch.loader import StitchLoader as StitchLoader
