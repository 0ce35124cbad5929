with rates as (
    select * from {{ ref('stg_fx__rates') }}
),

final as (
    select
        currency,
        rate,
        rate_date as valid_from,
        lead(rate_date) over (
            partition by currency
            order by rate_date
        ) as valid_until
    from rates
)

select * from final
