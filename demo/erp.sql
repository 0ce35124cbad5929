-- The ERP's products and invoices. Lines are made from them a few days at a time (erp_lines.sql).
create table products as
with vocabulary as (
    select
        [
            'BLUE SPOT', 'RED GINGHAM', 'PINK BLOSSOM', 'IVORY LACE', 'VINTAGE ROSE', 'SAILOR STRIPE', 'FOREST FOX',
            'NORDIC STAR', 'COTTAGE', 'RETRO DAISY', 'LONDON BUS', 'HARBOUR GULL', 'HEDGEROW', 'BIG TOP',
            'FRENCH LINEN', 'TARTAN', 'CHRISTMAS ROBIN', 'CHRISTMAS HOLLY', 'BUTTERFLY', 'SUNFLOWER', 'OWL', 'TOY SOLDIER',
            'GREEN APPLE', 'STRAWBERRY', 'ZINC', 'OAK', 'CLEAR GLASS', 'BLACK CAT', 'POLKA', 'RAINBOW'
        ] as motifs,
        [
            'MUG', 'TEA TOWEL', 'CAKE TIN', 'LUNCH BAG', 'JUMBO SHOPPER', 'T-LIGHT HOLDER', 'CANDLE, SCENTED', 'SIGN',
            'WALL CLOCK', 'FRAME 6"X4"', 'NOTEBOOK', 'GIFT WRAP', 'BIRTHDAY CARD', 'STORAGE BOX', 'WICKER BASKET',
            'DOORMAT', 'CUSHION COVER', 'BUNTING', 'DRAWER KNOB', 'PENCIL CASE', 'BOWL', 'WATER BOTTLE', 'TABLE LAMP',
            'HANGING HEART', 'NAPKINS, PACK OF 20', 'PLANT POT', 'BIRD FEEDER', 'LETTER "A" KEY RING', 'TRAY, SMALL',
            'JAM JAR, SET OF 3', 'MIRROR, OVAL', 'MAGNETS "HOME"', 'CAKE STAND', 'EGG CUP', 'WASHBAG', 'UMBRELLA',
            'PASSPORT COVER', 'SKIPPING ROPE', 'PUZZLE', 'DOORSTOP'
        ] as things
)

select
    place,
    cast(20000 + place * 53 as varchar) || case when place % 10 < 3 then chr(cast(65 + place % 7 as integer)) else '' end
    as stock_code,
    motifs[1 + (place * 7 + place // 40) % 30] || ' ' || things[1 + place % 40]
    || case when place % 5 = 0 then ' ' else '' end as description,
    pick(
        [0.29, 0.42, 0.55, 0.65, 0.85, 0.85, 1.25, 1.25, 1.45, 1.65, 1.65, 1.95, 2.1, 2.55, 2.95, 3.75, 4.25, 4.95, 7.95, 12.75],
        'price', place
    ) as price
from range(1200) as places(place)
cross join vocabulary;

create table drafts as
with numbered as (
    select
        number,
        (number + 0.5) / total as share,
        chance('kind', number) as roll,
        -- A cancellation takes back part of an earlier invoice.
        number - 1 - cast(floor(chance('source', number) * least(number, 20 + 0.05 * total)) as bigint) as earlier
    from (
        select
            number,
            cast(round(3020 * getvariable('scale')) as bigint) as total
        from range(cast(round(3020 * getvariable('scale')) as bigint)) as numbers(number)
    )
)

select
    numbered.number,
    numbered.share,
    days.day_no,
    days.day + interval (440 + cast(floor(
        720 * (numbered.share - days.share_from) / (days.share_until - days.share_from)
    ) as integer)) minute as invoiced_at,
    case
        when numbered.roll < 0.775 then 'sale'
        when numbered.roll < 0.92 then 'cancellation'
        when numbered.roll < 0.97 then 'write_off'
        else 'free'
    end as kind,
    case when numbered.roll between 0.775 and 0.92 then numbered.earlier end as earlier
from numbered
asof join trading_days as days
    on numbered.share >= days.share_from;

create table invoices as
with kinds as (
    select
        drafts.number,
        drafts.share,
        drafts.day_no,
        drafts.invoiced_at,
        case when drafts.kind = 'cancellation' and source.number is null then 'sale' else drafts.kind end as kind,
        coalesce(source.number, drafts.number) as origin,
        coalesce(source.share, drafts.share) as origin_share
    from drafts
    left join drafts as source
        on drafts.earlier = source.number and source.kind = 'sale'
),

customers as (
    select
        kinds.*,
        chance('guest', kinds.origin) < 0.072 or kinds.kind in ('write_off', 'free') as is_guest,
        -- New customers keep arriving; older ones order more.
        cast(floor(
            least(5942, 700 * pow(getvariable('scale'), 0.85)) * (0.35 + 0.65 * kinds.origin_share)
            * pow(chance('customer', kinds.origin), 1.6)
        ) as bigint) as place
    from kinds
)

select
    customers.number,
    customers.day_no,
    customers.invoiced_at,
    customers.kind,
    customers.origin,
    customers.is_guest,
    case when customers.is_guest then null else accounts.account_id end as account_id,
    case when customers.is_guest then 'United Kingdom' else accounts.country end as country,
    case when customers.kind = 'cancellation' then 'C' else '' end || cast(536365 + customers.number as varchar)
    as invoice_no,
    case customers.kind
        when 'sale' then 1 + cast(floor(-ln(1 - chance('size', customers.number))
            * case when customers.is_guest then 85 else 20 end) as integer)
        when 'cancellation' then 1 + cast(floor(-ln(1 - chance('size', customers.number)) * 2.5) as integer)
        else 1
    end as size
from customers
inner join accounts on customers.place = accounts.place;
