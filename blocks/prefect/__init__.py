"""What Prefect holds for us: block types and documents, automations, lineage events."""
