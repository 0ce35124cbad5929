with calendar as (
    -- The data's own last day stands for today, so that a rebuild gives the same answer.
    select max(ordered_on) as last_day
    from {{ ref('int_orders') }}
),

firsts as (
    select
        account_id,
        min(ordered_on) as first_order_on,
        max(ordered_on) as last_order_on,
        max(country) as country,
        count(*) as order_count,
        cast(sum(gross_revenue) as decimal(18, 4)) as gross_revenue
    from {{ ref('int_orders') }}
    group by account_id
),

returns as (
    select
        orders.account_id,
        max(
            case
                when {{ days_between('firsts.first_order_on', 'orders.ordered_on') }} between 1 and 90 then 1
                else 0
            end
        ) as came_back
    from {{ ref('int_orders') }} as orders
    inner join firsts
        on orders.account_id = firsts.account_id
    group by orders.account_id
),

refunds as (
    select
        account_id,
        cast(sum(-amount) as decimal(18, 4)) as refunds
    from {{ ref('stg_erp__invoice_lines') }}
    where line_type in ('cancellation', 'return') and account_id is not null
    group by account_id
)

select
    firsts.account_id,
    firsts.country,
    firsts.first_order_on,
    firsts.last_order_on,
    cast(firsts.order_count as bigint) as order_count,
    firsts.gross_revenue,
    coalesce(accounts.account_name, 'unknown') as account_name,
    coalesce(accounts.segment, 'unknown') as segment,
    coalesce(accounts.account_owner, 'nobody') as account_owner,
    {{ month_of('firsts.first_order_on') }} as cohort_month,
    coalesce(refunds.refunds, cast(0 as decimal(18, 4))) as refunds,
    cast(firsts.gross_revenue - coalesce(refunds.refunds, 0) as decimal(18, 4)) as net_revenue,
    case when firsts.order_count > 1 then 'repeat' else 'one order' end as customer_type,
    case
        when {{ days_between('firsts.last_order_on', 'calendar.last_day') }} <= 90 then 'active'
        else 'lapsed'
    end as activity,
    case
        when firsts.gross_revenue >= 10000 then 'key'
        when firsts.gross_revenue >= 2000 then 'large'
        when firsts.gross_revenue >= 500 then 'medium'
        else 'small'
    end as value_band,
    case when firsts.order_count > 1 then 1 else 0 end as is_repeat,
    case
        when {{ days_between('firsts.first_order_on', 'calendar.last_day') }} >= 90 then 1
        else 0
    end as is_observed,
    case
        when {{ days_between('firsts.first_order_on', 'calendar.last_day') }} >= 90 then returns.came_back
        else 0
    end as is_retained
from firsts
cross join calendar
inner join returns
    on firsts.account_id = returns.account_id
left join refunds
    on firsts.account_id = refunds.account_id
left join {{ ref('stg_crm__accounts') }} as accounts
    on firsts.account_id = accounts.account_id
