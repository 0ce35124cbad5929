-- Order counts add up over days, countries and segments only while this holds.
select invoice_no
from {{ ref('int_invoice_lines') }}
where line_type = 'sale'
group by invoice_no
having
    min(invoiced_on) <> max(invoiced_on)
    or min(country) <> max(country)
    or min(segment) <> max(segment)
