{{ config(materialized='table') }}
select ride_id, station from {{ source('bikes', 'rides') }}
