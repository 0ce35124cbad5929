"""Messages as files of a folder: the notifier of the embedded run."""
