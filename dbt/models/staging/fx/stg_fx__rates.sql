with source as (
    select * from {{ source('fx', 'rates') }}
),

final as (
    select
        rate_date,
        upper(trim(currency)) as currency,
        rate
    from source
)

select * from final
