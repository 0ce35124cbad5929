{{ config(materialized='incremental', incremental_strategy='merge', unique_key='code') }}
select code, price from {{ ref('prices') }}
