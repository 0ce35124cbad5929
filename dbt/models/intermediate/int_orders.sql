select
    invoice_no,
    min(account_id) as account_id,
    min(country) as country,
    min(invoiced_on) as ordered_on,
    cast(sum(amount) as decimal(18, 4)) as gross_revenue
from {{ ref('stg_erp__invoice_lines') }}
where line_type = 'sale' and account_id is not null
group by invoice_no
