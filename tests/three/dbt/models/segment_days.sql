with orders as (
    select
        o.order_day,
        c.segment,
        sum(o.amount) as revenue
    from {{ source('shop', 'orders') }} as o
    inner join {{ source('crm', 'customers') }} as c on o.customer_id = c.customer_id
    group by o.order_day, c.segment
),

visits as (
    select
        cast(v.visited_at as date) as order_day,
        c.segment,
        count(*) as visits
    from {{ source('web', 'visits') }} as v
    inner join {{ source('crm', 'customers') }} as c on v.customer_id = c.customer_id
    group by cast(v.visited_at as date), c.segment
)

select
    orders.order_day,
    orders.segment,
    orders.revenue,
    coalesce(visits.visits, 0) as visits
from orders
left join visits on orders.order_day = visits.order_day and orders.segment = visits.segment
