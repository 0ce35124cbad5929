-- Invoice lines of a few days, in the ERP's own columns and with its dirt. Parameters: first and last day_no.
create or replace temp table lines as
with numbered as (
    select
        invoices.*,
        line_no,
        -- Cancelled lines roll the same dice as the lines they take back.
        invoices.origin * 1000 + line_no as dice,
        invoices.number * 1000 + line_no as own_dice,
        line_no = invoices.size - 1 as is_last
    from invoices
    cross join unnest(range(least(invoices.size, 900))) as positions(line_no)
    where invoices.day_no between $first and $last
),

itemised as (
    select
        numbered.*,
        products.description,
        case when chance('case', numbered.own_dice) < 0.012 then lower(products.stock_code) else products.stock_code end
        as product_code,
        case
            when numbered.kind in ('write_off', 'free') then 0
            when numbered.is_guest then round(products.price * 1.9 + 0.04, 2)
            when chance('offer', numbered.dice) < 0.08 then round(products.price * 0.85, 2)
            else products.price
        end as price,
        least(
            pick([1, 1, 1, 1, 2, 2, 2, 3, 4, 6, 6, 8, 10, 12, 12, 24, 48, 120], 'quantity', numbered.dice),
            case when numbered.is_guest then 4 when products.price > 4 then 12 else 120 end
        ) as units,
        case
            when numbered.kind = 'sale' and numbered.is_last then case
                when numbered.is_guest and chance('extra', numbered.number) < 0.45 then 'DOT'
                when numbered.country in ('EIRE', 'Channel Islands') and chance('extra', numbered.number) < 0.4 then 'C2'
                when numbered.country <> 'United Kingdom' and chance('extra', numbered.number) < 0.5 then 'POST'
                when chance('extra', numbered.number) > 0.985 then 'M'
            end
            when numbered.kind = 'cancellation' and numbered.line_no = 0 then case
                when chance('extra', numbered.number) < 0.02 then 'D'
                when chance('extra', numbered.number) < 0.06 then 'M'
                when chance('extra', numbered.number) < 0.075 then 'S'
                when numbered.is_guest and chance('extra', numbered.number) < 0.15 then 'BANK CHARGES'
                when numbered.is_guest and chance('extra', numbered.number) < 0.2 then 'AMAZONFEE'
                when numbered.is_guest and chance('extra', numbered.number) < 0.23 then 'CRUK'
            end
        end as special
    from numbered
    inner join products
        on products.place = cast(floor(1200 * pow(chance('product', numbered.dice), 1.7)) as bigint)
),

dirty as (
    select
        day_no,
        number,
        line_no,
        kind,
        invoice_no,
        coalesce(special, product_code) as stock_code,
        case
            when special is not null then map {
                'DOT': 'DOTCOM POSTAGE', 'C2': 'CARRIAGE', 'POST': 'POSTAGE', 'M': 'Manual', 'D': 'Discount',
                'S': 'SAMPLES', 'BANK CHARGES': 'Bank Charges', 'AMAZONFEE': 'AMAZON FEE', 'CRUK': 'CRUK Commission'
            }[special]
            when kind = 'write_off' then pick([null, null, null, 'damaged', 'check', '?', 'thrown away', 'wet, mouldy'], 'note', number)
            when kind = 'free' then pick([null, null, 'found', description], 'note', number)
            else description
        end as description,
        case
            when kind = 'cancellation' then case when special is null then -units else -1 end
            when kind = 'write_off' then -units
            when special is not null then 1
            else units
        end as quantity,
        invoiced_at,
        case when special is not null then round(
            4 + case when kind = 'sale' then 120 else 1800 end * pow(chance('fee', number), 3), 2
        ) else price end as price,
        cast(account_id as double) as account_id,
        country,
        case
            when kind = 'sale' and special is null and chance('twice', own_dice) < 0.0096 then 2
            else 1
        end as copies,
        -- A line typed over by hand: a quantity that is no number.
        kind = 'sale' and chance('typed', own_dice) < 0.0001 as is_typed
    from itemised
    union all by name
    -- The bad debt of August: booked, and taken back twice.
    select
        days.day_no,
        1000000000 + bookings.place as number,
        0 as line_no,
        'adjustment' as kind,
        'A' || cast(900001 + bookings.place as varchar) as invoice_no,
        'B' as stock_code,
        'Adjust bad debt' as description,
        1 as quantity,
        days.day + interval (890 + bookings.place) minute as invoiced_at,
        case when bookings.place = 0 then 4310.27 else -4310.27 end as price,
        cast(null as double) as account_id,
        'United Kingdom' as country,
        1 as copies,
        false as is_typed
    from range(3) as bookings(place)
    inner join trading_days as days
        on days.day = date '2011-08-12' and days.day_no between $first and $last
)

select
    day_no,
    invoice_no as "InvoiceNo",
    stock_code as "StockCode",
    description as "Description",
    cast(quantity as varchar) || case when is_typed then ' pcs' else '' end as "Quantity",
    cast(invoiced_at as timestamp) as "InvoiceDate",
    cast(price as double) as "UnitPrice",
    account_id as "CustomerID",
    country as "Country"
from dirty
cross join unnest(range(copies)) as repeats(copy_no)
order by day_no, invoiced_at, number, line_no, copy_no;
