with opportunities as (
    select * from {{ ref('stg_crm__opportunities') }}
),

rates as (
    select * from {{ ref('int_fx_rates_ranged') }}
),

-- A closed opportunity is worth what that day's rate says, an open one what the
-- last known rate says.
valued as (
    select
        opportunity_id,
        account_id,
        stage,
        amount,
        currency,
        created_on,
        closed_on,
        coalesce(closed_on, cast('9999-12-31' as date)) as valued_on
    from opportunities
),

-- Pounds need no rate. A currency without a rate yields null, which a test
-- refuses.
final as (
    select
        valued.opportunity_id,
        valued.account_id,
        valued.stage,
        valued.amount,
        valued.currency,
        valued.created_on,
        valued.closed_on,
        case
            when valued.currency = 'GBP'
                then cast(valued.amount as decimal(18, 2))
            else cast(valued.amount / rates.rate as decimal(18, 2))
        end as amount_gbp
    from valued
    left join rates
        on
            valued.currency = rates.currency
            and valued.valued_on >= rates.valid_from
            and (
                valued.valued_on < rates.valid_until
                or rates.valid_until is null
            )
)

select * from final
