with invoice_lines as (
    select * from {{ ref('int_invoice_lines_joined_to_accounts') }}
),

-- An invoice has one day, country and segment (a test sees to it), so that its
-- count adds up over this grain.
totals as (
    select
        invoiced_on as revenue_date,
        country,
        segment,
        sum(case when line_type = 'sale' then amount else 0 end)
            as gross_revenue,
        sum(
            case
                when line_type in ('cancellation', 'return') then -amount
                else 0
            end
        ) as refunds,
        sum(case when line_type = 'adjustment' then amount else 0 end)
            as adjustments,
        count(distinct case when line_type = 'sale' then invoice_no end)
            as order_count,
        sum(case when line_type = 'sale' then 1 else 0 end) as sale_lines,
        sum(
            case when line_type in ('cancellation', 'return') then 1 else 0 end
        ) as refund_lines,
        sum(case when line_type = 'sale' then quantity else 0 end)
            as units_sold,
        sum(
            case
                when line_type in ('cancellation', 'return') then -quantity
                else 0
            end
        ) as units_refunded,
        count(*) as line_count
    from invoice_lines
    group by
        invoiced_on,
        country,
        segment
),

final as (
    select
        revenue_date,
        country,
        segment,
        cast(gross_revenue as decimal(18, 4)) as gross_revenue,
        cast(refunds as decimal(18, 4)) as refunds,
        cast(gross_revenue - refunds as decimal(18, 4)) as net_revenue,
        cast(adjustments as decimal(18, 4)) as adjustments,
        cast(order_count as bigint) as order_count,
        cast(sale_lines as bigint) as sale_lines,
        cast(refund_lines as bigint) as refund_lines,
        cast(units_sold as bigint) as units_sold,
        cast(units_refunded as bigint) as units_refunded,
        cast(line_count as bigint) as line_count
    from totals
)

select * from final
