with daily_revenue as (
    select * from {{ ref('daily_revenue') }}
),

invoice_lines as (
    select * from {{ ref('stg_erp__invoice_lines') }}
),

daily_totals as (
    select
        sum(gross_revenue - refunds + adjustments) as amount,
        sum(line_count) as line_count
    from daily_revenue
),

line_totals as (
    select
        sum(amount) as amount,
        count(*) as line_count
    from invoice_lines
),

final as (
    select
        daily_totals.amount as daily_amount,
        line_totals.amount as line_amount,
        daily_totals.line_count as daily_lines,
        line_totals.line_count as lines_read
    from daily_totals
    cross join line_totals
    where
        daily_totals.amount <> line_totals.amount
        or daily_totals.line_count <> line_totals.line_count
)

select * from final
