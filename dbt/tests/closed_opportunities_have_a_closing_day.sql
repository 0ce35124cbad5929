with opportunities as (
    select * from {{ ref('int_opportunities_converted_to_gbp') }}
),

final as (
    select
        opportunity_id,
        stage,
        created_on,
        closed_on
    from opportunities
    where
        (stage in ('won', 'lost') and closed_on is null)
        or (stage not in ('won', 'lost') and closed_on is not null)
        or closed_on < created_on
)

select * from final
