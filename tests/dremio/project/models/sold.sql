{{ config(materialized='table') }}
select code, sum(price) as price, count(*) as times from {{ ref('staged') }} group by code
