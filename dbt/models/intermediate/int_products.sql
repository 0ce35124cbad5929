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
        -- Words between spaces, so that TIN is not found in PAINTING.
        ' ' || replace(replace(upper(description), ',', ' '), '"', ' ') || ' ' as words
    from ranked
    where text_rank = 1
)

select
    stock_code,
    product_name,
    {{ product_line('words') }} as product_line
from named
