{# `materialized: materialized_view` on Snowflake, which dbt-snowflake lacks: a view Snowflake keeps up to date. It may
   read one table only, without joins (Enterprise edition). Over a source it would change after the checks, so that is
   refused. #}
{% materialization materialized_view, adapter='snowflake' %}
{% if model.sources %}
    {{ exceptions.raise_compiler_error(
        'a materialized view over a source changes after the release is checked; read a model that is a table'
    ) }}
{% endif %}
{% set target_relation = this.incorporate(type='view') %}
{{ run_hooks(pre_hooks) }}
{% call statement('main') -%}
    create or replace {{ 'secure ' if config.get('secure', false) }}materialized view {{ target_relation }}
    {{ 'copy grants' if config.get('copy_grants', false) }}
    as {{ sql }}
{%- endcall %}
{{ run_hooks(post_hooks) }}
{{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
