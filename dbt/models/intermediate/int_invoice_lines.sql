select
    lines.invoice_no,
    lines.stock_code,
    lines.description,
    lines.quantity,
    lines.unit_price,
    lines.amount,
    lines.invoiced_on,
    lines.account_id,
    lines.country,
    lines.line_type,
    lines.item_type,
    coalesce(accounts.segment, 'guest') as segment
from {{ ref('stg_erp__invoice_lines') }} as lines
left join {{ ref('stg_crm__accounts') }} as accounts
    on lines.account_id = accounts.account_id
