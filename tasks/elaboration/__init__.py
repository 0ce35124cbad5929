"""Requests in people's own words: how they are read, proposed and accepted."""
