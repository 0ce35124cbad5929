with invoice_lines as (
    select * from {{ ref('int_invoice_lines_classified') }}
),

accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

final as (
    select
        invoice_lines.invoice_no,
        invoice_lines.stock_code,
        invoice_lines.description,
        invoice_lines.quantity,
        invoice_lines.unit_price,
        invoice_lines.amount,
        invoice_lines.invoiced_on,
        invoice_lines.account_id,
        invoice_lines.country,
        invoice_lines.line_type,
        invoice_lines.item_type,
        coalesce(accounts.segment, 'guest') as segment
    from invoice_lines
    left join accounts
        on invoice_lines.account_id = accounts.account_id
)

select * from final
