{# The product line of a name given as words between spaces. The first line that knows one of the words has it; plurals
   count too. #}
{% macro product_line(words) %}
{% set product_lines = {
    'Christmas': ['CHRISTMAS', 'XMAS', 'ADVENT', 'SNOWFLAKE'],
    'Bags': ['BAG', 'SHOPPER', 'WASHBAG', 'PURSE', 'BACKPACK'],
    'Lights & candles': ['LIGHT', 'T-LIGHT', 'CANDLE', 'LAMP', 'LANTERN'],
    'Kitchen & table': [
        'MUG', 'CUP', 'TEACUP', 'TEAPOT', 'TEA', 'BOWL', 'PLATE', 'CAKE', 'CAKESTAND', 'BAKING', 'KITCHEN', 'BOTTLE',
        'LUNCH', 'APRON', 'CUTLERY', 'SPOON', 'JUG', 'NAPKIN', 'TRAY', 'JAM', 'EGG', 'COASTER', 'PANTRY', 'BREAD'
    ],
    'Stationery & wrap': ['CARD', 'WRAP', 'PAPER', 'PENCIL', 'PEN', 'NOTEBOOK', 'STICKER', 'TAPE', 'RIBBON'],
    'Storage': ['BOX', 'BOXES', 'TIN', 'BASKET', 'DRAWER', 'STORAGE', 'JAR', 'CABINET', 'CRATE'],
    'Home decoration': [
        'SIGN', 'CLOCK', 'FRAME', 'DECORATION', 'BUNTING', 'HANGING', 'DOORMAT', 'DOORSTOP', 'MIRROR', 'CUSHION',
        'ORNAMENT', 'GARLAND', 'WREATH', 'KNOB', 'HOOK', 'HANGER', 'CHALKBOARD', 'MAGNET', 'WALL'
    ],
    'Garden': ['GARDEN', 'FLOWER', 'PLANT', 'BIRD', 'WATERING', 'PARASOL', 'HERB'],
    'Toys & games': ['TOY', 'GAME', 'PUZZLE', 'DOLL', 'DOLLY', 'SOLDIER', 'ROPE', 'PLAYING', 'CHILDRENS', 'JIGSAW'],
    'Fashion': ['NECKLACE', 'BRACELET', 'EARRING', 'RING', 'HAIR', 'SCARF', 'UMBRELLA', 'PASSPORT']
} %}
case
    {%- for product_line, known_words in product_lines.items() %}
    when
        {%- for word in known_words %}
        {% if not loop.first %}or {% endif %}{{ words }} like '% {{ word }} %' or {{ words }} like '% {{ word }}S %'
        {%- endfor %}
        then '{{ product_line }}'
    {%- endfor %}
    else 'Gifts & other'
end
{%- endmacro %}
