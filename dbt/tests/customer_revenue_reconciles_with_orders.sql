-- Every order of an account is in its value once.
with mart as (
    select sum(gross_revenue) as amount
    from {{ ref('customer_value') }}
),

orders as (
    select sum(gross_revenue) as amount
    from {{ ref('int_orders') }}
)

select
    mart.amount as mart_amount,
    orders.amount as order_amount
from mart
cross join orders
where mart.amount <> orders.amount
