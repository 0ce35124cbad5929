"""REST APIs: records page by page."""
