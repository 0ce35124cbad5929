"""Tickets as YAML files in a folder: the embedded tracker."""

from blocks.tracker.files.tracker import FilesTracker as FilesTracker
