"""Names whose value may be another each time though nothing that was declared changed: a new one is added here.

A list for each language that they are met in: SQL as a tree, text that becomes part of SQL, and dbt's Jinja. What is
made of them is in repeatable_sql.py, quality/suites.py and dbt/fingerprints.py.
"""

from __future__ import annotations

import re

MOMENT = "now"
DAYS = frozenset({"today", "tomorrow", "yesterday"})
"""As texts these become a time, and a day."""
IN_TREE = re.compile(
    r"Current\w+|Local(time|timestamp)|Sys\w+|Utc\w+|Session\w*|Rand\w*|Uuid|Uniform|Normal|Zipf|Shuffle|Seq\d|NextValueFor"
    r"|AI\w+|ML\w+|Predict|FeaturesAtTime|VectorSearch|Generate(Bool|Double|Embedding|Int|Table|Text)|Generator|Secret"
    r"|Read\w+|Host|NetFunc|Search\w*|ToFile|Command|TableSample|Parameter|SessionParameter|Placeholder|DynamicIdentifier"
)
"""Names of sqlglot's classes whose value is not that of their arguments alone."""
IN_TEXT = re.compile(
    rf"\b({'|'.join(sorted(DAYS | {MOMENT}))}"
    r"|current_\w+|local_?time\w*|getdate|sys\w*date|random|rand|uuid\w*)\b|\$PARAMETER|query|other_table",
    re.IGNORECASE,
)
"""In an expectation's arguments: the time, or SQL that may read anything."""
IN_JINJA = re.compile(
    r"\b(?P<name>env_var|flags|graph|invocation_args_dict|invocation_id|modules|run_query|run_started_at|schemas"
    r"|selected_resources|statement|thread_id|load_result|store_result|store_raw_result|load_agate_table|builtins"
    r"|context|dbt_metadata_envs|query_graph|load_(?:cached_)?relation|get_column\w*_(?:in|from)_\w+|list_relations\w*"
    r"|list_schemas|check_schema_exists|get_catalog\w*|get_relation\w*|adapter\s*\.\s*(?!dispatch\b|quote\b)\w+)\b"
)
"""Of dbt's Jinja, what is not in the manifest: it may be another in each run, or come from anywhere."""
