"""The client of a Tableau server: a session, and a file for each kind of thing on it."""
