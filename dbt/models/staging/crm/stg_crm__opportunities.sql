with source as (
    select * from {{ source('crm', 'opportunities') }}
),

final as (
    select
        opportunity_id,
        account_id,
        lower(trim(stage)) as stage,
        amount,
        upper(trim(currency)) as currency,
        created_on,
        closed_on,
        updated_at
    from source
)

select * from final
