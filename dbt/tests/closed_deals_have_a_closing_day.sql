-- A closing day belongs to won and lost deals alone, on or after the opening day.
select
    opportunity_id,
    stage,
    created_on,
    closed_on
from {{ ref('int_opportunities') }}
where
    (stage in ('won', 'lost') and closed_on is null)
    or (stage not in ('won', 'lost') and closed_on is not null)
    or closed_on < created_on
