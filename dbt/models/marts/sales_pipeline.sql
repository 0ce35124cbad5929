with opportunities as (
    select * from {{ ref('int_opportunities_converted_to_gbp') }}
),

accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

joined as (
    select
        opportunities.opportunity_id,
        opportunities.account_id,
        opportunities.stage,
        opportunities.currency,
        opportunities.created_on,
        opportunities.closed_on,
        opportunities.amount_gbp,
        accounts.account_name,
        accounts.segment,
        accounts.country,
        accounts.account_owner,
        case
            when opportunities.stage in ('won', 'lost')
                then opportunities.stage
            else 'open'
        end as outcome
    from opportunities
    left join accounts
        on opportunities.account_id = accounts.account_id
),

final as (
    select
        opportunity_id,
        account_id,
        stage,
        currency,
        created_on,
        closed_on,
        amount_gbp,
        account_name,
        segment,
        country,
        account_owner,
        outcome,
        case when outcome = 'open' then 1 else 0 end as is_open,
        case when outcome = 'won' then 1 else 0 end as is_won,
        case when outcome = 'open' then 0 else 1 end as is_closed,
        case when outcome = 'open' then amount_gbp else 0 end
            as open_amount_gbp,
        case when outcome = 'won' then amount_gbp else 0 end
            as won_amount_gbp,
        {{ days_between('created_on', 'closed_on') }} as days_to_close
    from joined
)

select * from final
