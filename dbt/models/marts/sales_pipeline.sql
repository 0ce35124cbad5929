select
    deals.opportunity_id,
    deals.account_id,
    deals.stage,
    deals.currency,
    deals.created_on,
    deals.closed_on,
    deals.amount_gbp,
    accounts.account_name,
    accounts.segment,
    accounts.country,
    accounts.account_owner,
    case when deals.stage in ('won', 'lost') then deals.stage else 'open' end as outcome,
    case when deals.stage in ('won', 'lost') then 0 else 1 end as is_open,
    case when deals.stage = 'won' then 1 else 0 end as is_won,
    case when deals.stage in ('won', 'lost') then 1 else 0 end as is_closed,
    case when deals.stage in ('won', 'lost') then 0 else deals.amount_gbp end as open_amount_gbp,
    case when deals.stage = 'won' then deals.amount_gbp else 0 end as won_amount_gbp,
    {{ days_between('deals.created_on', 'deals.closed_on') }} as days_to_close
from {{ ref('int_opportunities') }} as deals
left join {{ ref('stg_crm__accounts') }} as accounts
    on deals.account_id = accounts.account_id
