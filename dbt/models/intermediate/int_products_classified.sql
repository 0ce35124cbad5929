with invoice_lines as (
    select * from {{ ref('int_invoice_lines_classified') }}
),

keywords as (
    select * from {{ ref('product_line_keywords') }}
),

product_texts as (
    select
        stock_code,
        description,
        count(*) as line_count
    from invoice_lines
    where
        item_type = 'product'
        and line_type = 'sale'
        and description is not null
    group by
        stock_code,
        description
),

ranked_texts as (
    select
        stock_code,
        description,
        row_number() over (
            partition by stock_code
            order by line_count desc, description asc
        ) as text_rank
    from product_texts
),

-- Words between spaces, so that TIN is not found in PAINTING.
products as (
    select
        stock_code,
        description as product_name,
        ' '
        || replace(replace(upper(description), ',', ' '), '"', ' ')
        || ' ' as words
    from ranked_texts
    where text_rank = 1
),

-- Plurals count too. Not `like`, because not every warehouse takes a pattern
-- that comes from a column.
ranked_matches as (
    select
        products.stock_code,
        keywords.product_line,
        row_number() over (
            partition by products.stock_code
            order by keywords.precedence, keywords.keyword
        ) as match_rank
    from products
    inner join keywords
        on
            position(' ' || keywords.keyword || ' ' in products.words) > 0
            or position(' ' || keywords.keyword || 'S ' in products.words) > 0
),

matches as (
    select
        stock_code,
        product_line
    from ranked_matches
    where match_rank = 1
),

final as (
    select
        products.stock_code,
        products.product_name,
        coalesce(matches.product_line, 'Gifts & other') as product_line
    from products
    left join matches
        on products.stock_code = matches.stock_code
)

select * from final
