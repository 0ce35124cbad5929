with orders as (
    select * from {{ ref('int_invoice_lines_aggregated_to_orders') }}
),

invoice_lines as (
    select * from {{ ref('int_invoice_lines_classified') }}
),

accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

-- The data's own last day stands for today, so that a rebuild gives the same
-- answer.
data_end as (
    select max(ordered_on) as last_day
    from orders
),

account_orders as (
    select
        account_id,
        min(ordered_on) as first_order_on,
        max(ordered_on) as last_order_on,
        max(country) as country,
        count(*) as order_count,
        cast(sum(gross_revenue) as decimal(18, 4)) as gross_revenue
    from orders
    group by account_id
),

order_ages as (
    select
        orders.account_id,
        {{ days_between('account_orders.first_order_on', 'orders.ordered_on') }}
            as days_since_first_order
    from orders
    inner join account_orders
        on orders.account_id = account_orders.account_id
),

account_retention as (
    select
        account_id,
        max(
            case when days_since_first_order between 1 and 90 then 1 else 0 end
        ) as came_back
    from order_ages
    group by account_id
),

account_refunds as (
    select
        account_id,
        cast(sum(-amount) as decimal(18, 4)) as refunds
    from invoice_lines
    where
        line_type in ('cancellation', 'return')
        and account_id is not null
    group by account_id
),

joined as (
    select
        account_orders.account_id,
        account_orders.country,
        account_orders.first_order_on,
        account_orders.last_order_on,
        account_orders.order_count,
        account_orders.gross_revenue,
        account_retention.came_back,
        accounts.account_name,
        accounts.segment,
        accounts.account_owner,
        coalesce(account_refunds.refunds, cast(0 as decimal(18, 4)))
            as refunds,
        {{ days_between('account_orders.first_order_on', 'data_end.last_day') }}
            as days_since_first_order,
        {{ days_between('account_orders.last_order_on', 'data_end.last_day') }}
            as days_since_last_order
    from account_orders
    cross join data_end
    inner join account_retention
        on account_orders.account_id = account_retention.account_id
    left join account_refunds
        on account_orders.account_id = account_refunds.account_id
    left join accounts
        on account_orders.account_id = accounts.account_id
),

final as (
    select
        account_id,
        country,
        first_order_on,
        last_order_on,
        cast(order_count as bigint) as order_count,
        gross_revenue,
        coalesce(account_name, 'unknown') as account_name,
        coalesce(segment, 'unknown') as segment,
        coalesce(account_owner, 'nobody') as account_owner,
        {{ month_of('first_order_on') }} as cohort_month,
        refunds,
        cast(gross_revenue - refunds as decimal(18, 4)) as net_revenue,
        case when order_count > 1 then 'repeat' else 'one order' end
            as customer_type,
        case when days_since_last_order <= 90 then 'active' else 'lapsed' end
            as activity,
        case
            when gross_revenue >= 10000 then 'key'
            when gross_revenue >= 2000 then 'large'
            when gross_revenue >= 500 then 'medium'
            else 'small'
        end as value_band,
        case when order_count > 1 then 1 else 0 end as is_repeat,
        case when days_since_first_order >= 90 then 1 else 0 end as is_observed,
        case when days_since_first_order >= 90 then came_back else 0 end
            as is_retained
    from joined
)

select * from final
