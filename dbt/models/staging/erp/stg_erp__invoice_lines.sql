-- A table, where staging is views: one pass over the large source, not one for
-- each model and test below.
{{ config(materialized='table') }}

with source as (
    select * from {{ source('erp', 'invoice_lines') }}
),

-- The ERP exports some lines twice, equal to the last character. Before any
-- cleaning, which would make different lines equal.
deduplicated as (
    select distinct
        invoice_no,
        stock_code,
        description,
        quantity,
        invoiced_at,
        unit_price,
        customer_id,
        country
    from source
),

final as (
    select
        upper(trim(invoice_no)) as invoice_no,
        upper(trim(stock_code)) as stock_code,
        nullif(trim(description), '') as description,
        quantity,
        unit_price,
        cast(quantity * unit_price as decimal(18, 4)) as amount,
        invoiced_at,
        cast(invoiced_at as date) as invoiced_on,
        cast(customer_id as integer) as account_id,
        trim(country) as country
    from deduplicated
)

select * from final
