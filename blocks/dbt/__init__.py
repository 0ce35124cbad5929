"""A dbt project as a block (project.py), and the process that dbt runs in (worker.py)."""
