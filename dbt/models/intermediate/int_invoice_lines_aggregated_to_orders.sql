with invoice_lines as (
    select * from {{ ref('int_invoice_lines_classified') }}
),

account_sales as (
    select *
    from invoice_lines
    where
        line_type = 'sale'
        and account_id is not null
),

final as (
    select
        invoice_no,
        min(account_id) as account_id,
        min(country) as country,
        min(invoiced_on) as ordered_on,
        cast(sum(amount) as decimal(18, 4)) as gross_revenue
    from account_sales
    group by invoice_no
)

select * from final
