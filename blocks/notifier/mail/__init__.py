"""Messages by an SMTP server, and through Prefect's notification blocks."""
