with dated as (
    select
        opportunity_id,
        account_id,
        stage,
        amount,
        currency,
        created_on,
        closed_on
    from {{ ref('stg_crm__opportunities') }}
)

select
    dated.opportunity_id,
    dated.account_id,
    dated.stage,
    dated.amount,
    dated.currency,
    dated.created_on,
    dated.closed_on,
    -- Pounds need no rate. A currency without a rate yields null, which a test refuses.
    case
        when dated.currency = 'GBP' then cast(dated.amount as decimal(18, 2))
        else cast(dated.amount / rates.rate as decimal(18, 2))
    end as amount_gbp
from dated
left join {{ ref('int_fx_rate_ranges') }} as rates
    on
        dated.currency = rates.currency
        and (
            -- An open deal is worth what the last known rate says; a closed one what that day's said.
            (dated.closed_on is null and rates.valid_until is null)
            or (
                dated.closed_on >= rates.valid_from
                and (dated.closed_on < rates.valid_until or rates.valid_until is null)
            )
        )
