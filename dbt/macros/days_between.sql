{# Whole days from one date to a later one. Plain subtraction, because dbt-dremio's datediff is a SELECT. #}
{% macro days_between(first_date, last_date) -%}
    cast({{ last_date }} - {{ first_date }} as integer)
{%- endmacro %}
