with invoice_lines as (
    select * from {{ ref('int_invoice_lines_classified') }}
),

products as (
    select * from {{ ref('int_products_classified') }}
),

merchandise_lines as (
    select
        stock_code,
        {{ month_of('invoiced_on') }} as sales_month,
        line_type,
        quantity,
        amount
    from invoice_lines
    where item_type = 'product'
),

monthly_totals as (
    select
        sales_month,
        stock_code,
        sum(case when line_type = 'sale' then amount else 0 end)
            as gross_revenue,
        sum(
            case
                when line_type in ('cancellation', 'return') then -amount
                else 0
            end
        ) as refunds,
        sum(case when line_type = 'sale' then quantity else 0 end)
            as units_sold,
        sum(
            case
                when line_type in ('cancellation', 'return') then -quantity
                else 0
            end
        ) as units_refunded,
        sum(case when line_type = 'write_off' then -quantity else 0 end)
            as units_written_off,
        sum(case when line_type = 'sale' then 1 else 0 end) as sale_lines
    from merchandise_lines
    group by
        sales_month,
        stock_code
),

-- An inner join: codes that were never sold are warehouse bookings, not
-- products.
final as (
    select
        monthly_totals.sales_month,
        monthly_totals.stock_code,
        products.product_name,
        products.product_line,
        cast(monthly_totals.gross_revenue as decimal(18, 4)) as gross_revenue,
        cast(monthly_totals.refunds as decimal(18, 4)) as refunds,
        cast(
            monthly_totals.gross_revenue - monthly_totals.refunds
            as decimal(18, 4)
        ) as net_revenue,
        cast(monthly_totals.units_sold as bigint) as units_sold,
        cast(monthly_totals.units_refunded as bigint) as units_refunded,
        cast(monthly_totals.units_written_off as bigint) as units_written_off,
        cast(monthly_totals.sale_lines as bigint) as sale_lines
    from monthly_totals
    inner join products
        on monthly_totals.stock_code = products.stock_code
)

select * from final
