with source as (
    select * from {{ source('crm', 'accounts') }}
),

final as (
    select
        account_id,
        trim(name) as account_name,
        lower(trim(segment)) as segment,
        trim(country) as country,
        trim(owner) as account_owner,
        signed_up_on
    from source
)

select * from final
