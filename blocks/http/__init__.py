"""HTTP as every vendor needs it: one session, one table from status to error, one way to wait."""
