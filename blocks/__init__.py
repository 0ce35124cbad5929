"""Configuration, credentials and a few verbs for each system; the only home of vendor SDKs."""
