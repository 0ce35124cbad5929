-- A table, not a view: the one pass over the fat source, read by everything below.
{{ config(materialized='table') }}

with deduplicated as (
    -- The ERP exports some lines twice, equal to the last character.
    select distinct
        invoice_no,
        stock_code,
        description,
        quantity,
        invoiced_at,
        unit_price,
        customer_id,
        country
    from {{ source('erp', 'invoice_lines') }}
),

cleaned as (
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

select
    invoice_no,
    stock_code,
    description,
    quantity,
    unit_price,
    amount,
    invoiced_at,
    invoiced_on,
    account_id,
    country,
    case
        when invoice_no like 'A%' then 'adjustment'
        when invoice_no like 'C%' then 'cancellation'
        when quantity < 0 and unit_price = 0 then 'write_off'
        when quantity < 0 then 'return'
        when unit_price = 0 then 'free'
        else 'sale'
    end as line_type,
    case
        when stock_code in ('POST', 'DOT', 'C2') then 'delivery'
        when stock_code in ('AMAZONFEE', 'BANK CHARGES', 'CRUK') then 'fee'
        when stock_code in ('B', 'D', 'M', 'S') then 'manual'
        else 'product'
    end as item_type
from cleaned
