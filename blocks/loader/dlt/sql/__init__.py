"""SQL databases: connections, and how rows leave a database."""
