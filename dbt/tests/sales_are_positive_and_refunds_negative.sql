with invoice_lines as (
    select * from {{ ref('int_invoice_lines_classified') }}
),

final as (
    select
        invoice_no,
        stock_code,
        line_type,
        amount
    from invoice_lines
    where
        (line_type = 'sale' and amount <= 0)
        or (line_type in ('cancellation', 'return') and amount >= 0)
        or (line_type in ('write_off', 'free') and amount <> 0)
)

select * from final
