with monthly as (
    select
        stock_code,
        {{ month_of('invoiced_on') }} as sales_month,
        sum(case when line_type = 'sale' then amount else 0 end) as gross_revenue,
        sum(case when line_type in ('cancellation', 'return') then -amount else 0 end) as refunds,
        sum(case when line_type = 'sale' then quantity else 0 end) as units_sold,
        sum(case when line_type in ('cancellation', 'return') then -quantity else 0 end) as units_refunded,
        sum(case when line_type = 'write_off' then -quantity else 0 end) as units_written_off,
        sum(case when line_type = 'sale' then 1 else 0 end) as sale_lines
    from {{ ref('stg_erp__invoice_lines') }}
    where item_type = 'product'
    group by stock_code, {{ month_of('invoiced_on') }}
)

select
    monthly.sales_month,
    monthly.stock_code,
    products.product_name,
    products.product_line,
    cast(monthly.gross_revenue as decimal(18, 4)) as gross_revenue,
    cast(monthly.refunds as decimal(18, 4)) as refunds,
    cast(monthly.gross_revenue - monthly.refunds as decimal(18, 4)) as net_revenue,
    cast(monthly.units_sold as bigint) as units_sold,
    cast(monthly.units_refunded as bigint) as units_refunded,
    cast(monthly.units_written_off as bigint) as units_written_off,
    cast(monthly.sale_lines as bigint) as sale_lines
from monthly
-- Codes that were never sold are warehouse bookings, not products.
inner join {{ ref('int_products') }} as products
    on monthly.stock_code = products.stock_code
