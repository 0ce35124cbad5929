with customers as (
    select * from {{ ref('customer_value') }}
),

orders as (
    select * from {{ ref('int_invoice_lines_aggregated_to_orders') }}
),

customer_totals as (
    select sum(gross_revenue) as amount
    from customers
),

order_totals as (
    select sum(gross_revenue) as amount
    from orders
),

final as (
    select
        customer_totals.amount as customer_amount,
        order_totals.amount as order_amount
    from customer_totals
    cross join order_totals
    where customer_totals.amount <> order_totals.amount
)

select * from final
