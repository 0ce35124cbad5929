{{ config(materialized='view') }}
select code, price, since, price * 2 as twice from {{ ref('prices') }}
