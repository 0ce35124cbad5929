"""Taking up data or a dbt project that is there: profiling it, and proposing what it lacks. Nothing is written here."""
