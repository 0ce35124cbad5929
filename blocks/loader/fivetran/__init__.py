"""Fivetran as a loader."""

from blocks.loader.fivetran.loader import FivetranLoader as FivetranLoader
