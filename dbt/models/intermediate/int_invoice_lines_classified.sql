with invoice_lines as (
    select * from {{ ref('stg_erp__invoice_lines') }}
),

final as (
    select
        invoice_no,
        stock_code,
        description,
        quantity,
        unit_price,
        amount,
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
    from invoice_lines
)

select * from final
