-- Sales bring money and refunds give it back; anything else is a booking error that must not be published.
select
    invoice_no,
    stock_code,
    line_type,
    amount
from {{ ref('stg_erp__invoice_lines') }}
where
    (line_type = 'sale' and amount <= 0)
    or (line_type in ('cancellation', 'return') and amount >= 0)
    or (line_type in ('write_off', 'free') and amount <> 0)
