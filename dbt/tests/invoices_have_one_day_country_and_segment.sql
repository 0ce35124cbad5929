with invoice_lines as (
    select * from {{ ref('int_invoice_lines_joined_to_accounts') }}
),

final as (
    select invoice_no
    from invoice_lines
    where line_type = 'sale'
    group by invoice_no
    having
        min(invoiced_on) <> max(invoiced_on)
        or min(country) <> max(country)
        or min(segment) <> max(segment)
)

select * from final
