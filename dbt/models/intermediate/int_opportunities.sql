with deals as (
    select
        opportunity_id,
        account_id,
        stage,
        amount,
        currency,
        created_on,
        closed_on,
        -- A closed deal is worth what that day's rate says, an open one what the last known rate says.
        coalesce(closed_on, cast('9999-12-31' as date)) as valued_on
    from {{ ref('stg_crm__opportunities') }}
)

select
    deals.opportunity_id,
    deals.account_id,
    deals.stage,
    deals.amount,
    deals.currency,
    deals.created_on,
    deals.closed_on,
    -- Pounds need no rate. A currency without a rate yields null, which a test refuses.
    case
        when deals.currency = 'GBP' then cast(deals.amount as decimal(18, 2))
        else cast(deals.amount / rates.rate as decimal(18, 2))
    end as amount_gbp
from deals
left join {{ ref('int_fx_rate_ranges') }} as rates
    on
        deals.currency = rates.currency
        and deals.valued_on >= rates.valid_from
        and (deals.valued_on < rates.valid_until or rates.valid_until is null)
