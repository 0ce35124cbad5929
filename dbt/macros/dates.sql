{# Described in _macros.yml. #}
{% macro month_of(date) -%}
    cast({{ dbt.date_trunc('month', date) }} as date)
{%- endmacro %}

{# In parentheses, because dbt-dremio's dateadd is a SELECT. #}
{% macro days_after(date, days) -%}
    cast(({{ dbt.dateadd('day', days, date) }}) as date)
{%- endmacro %}

{# Plain subtraction, because dbt-dremio's datediff is a SELECT. #}
{% macro days_between(first_date, last_date) -%}
    cast({{ last_date }} - {{ first_date }} as integer)
{%- endmacro %}
