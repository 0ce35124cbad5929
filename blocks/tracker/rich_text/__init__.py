"""Rich text of trackers: written from our Markdown, read as plain text.

All readers make the same plain text, which description_template reads: bullets as `- `, headings as `### `, tables
with pipes, quoted lines as `> `; text that was struck out is left out. Add a module for another kind of rich text.
"""
