{% snapshot kept %}
{{ config(unique_key='code', strategy='check', check_cols=['price']) }}
select code, price from {{ ref('prices') }}
{% endsnapshot %}
