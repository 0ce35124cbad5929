"""Rich text of trackers: from our Markdown, and to plain text."""
