with texts as (
    select
        stock_code,
        description,
        count(*) as line_count
    from {{ ref('stg_erp__invoice_lines') }}
    where item_type = 'product' and line_type = 'sale' and description is not null
    group by stock_code, description
),

ranked as (
    select
        stock_code,
        description,
        row_number() over (
            partition by stock_code
            order by line_count desc, description asc
        ) as text_rank
    from texts
),

named as (
    select
        stock_code,
        description as product_name,
        upper(description) as search_text
    from ranked
    where text_rank = 1
)

select
    stock_code,
    product_name,
    case
        when search_text like '%CHRISTMAS%' or search_text like '%ADVENT%' then 'Christmas'
        when search_text like '%BAG%' or search_text like '%SHOPPER%' then 'Bags'
        when search_text like '%LIGHT%' or search_text like '%CANDLE%' or search_text like '%LAMP%'
            then 'Lights & candles'
        when search_text like '%MUG%' or search_text like '%CUP%' or search_text like '%BOWL%'
            or search_text like '%PLATE%' or search_text like '%TEA%' or search_text like '%CAKE%'
            or search_text like '%KITCHEN%' or search_text like '%BOTTLE%' or search_text like '%LUNCH%'
            then 'Kitchen & table'
        when search_text like '%CARD%' or search_text like '%WRAP%' or search_text like '%PAPER%'
            or search_text like '%PEN%' or search_text like '%NOTEBOOK%' or search_text like '%STICKER%'
            then 'Stationery & wrap'
        when search_text like '%BOX%' or search_text like '%TIN%' or search_text like '%BASKET%'
            or search_text like '%DRAWER%' or search_text like '%STORAGE%' or search_text like '%JAR%'
            then 'Storage'
        when search_text like '%SIGN%' or search_text like '%CLOCK%' or search_text like '%FRAME%'
            or search_text like '%DECORATION%' or search_text like '%BUNTING%' or search_text like '%HANGING%'
            or search_text like '%DOORMAT%' or search_text like '%MIRROR%' or search_text like '%CUSHION%'
            then 'Home decoration'
        when search_text like '%GARDEN%' or search_text like '%FLOWER%' or search_text like '%PLANT%'
            or search_text like '%BIRD%'
            then 'Garden'
        else 'Gifts & other'
    end as product_line
from named
