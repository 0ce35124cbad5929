select distinct order_day as date_day
from {{ source('shop', 'orders') }}
