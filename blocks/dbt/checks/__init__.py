"""What is looked at in a dbt project's manifest before anything is built; each check returns findings."""
