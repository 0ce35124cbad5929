select
    rate_date,
    upper(trim(currency)) as currency,
    rate
from {{ source('fx', 'rates') }}
