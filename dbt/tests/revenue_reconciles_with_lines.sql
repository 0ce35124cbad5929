-- Everything on the invoices is in the mart once: revenue, refunds and adjustments add up to the lines.
with mart as (
    select
        sum(gross_revenue - refunds + adjustments) as amount,
        sum(line_count) as line_count
    from {{ ref('daily_revenue') }}
),

lines as (
    select
        sum(amount) as amount,
        count(*) as line_count
    from {{ ref('stg_erp__invoice_lines') }}
)

select
    mart.amount as mart_amount,
    lines.amount as line_amount,
    mart.line_count as mart_lines,
    lines.line_count as lines_read
from mart
cross join lines
where mart.amount <> lines.amount or mart.line_count <> lines.line_count
