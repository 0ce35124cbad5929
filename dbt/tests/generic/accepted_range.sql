{# Described in _generic__tests.yml. #}
{% test accepted_range(
    model, column_name, min_value=none, max_value=none, inclusive=true
) %}
{% set or_equal = '' if inclusive else '=' %}
{% set violations = [] %}
{% if min_value is not none %}
{% do violations.append(column_name ~ ' <' ~ or_equal ~ ' ' ~ min_value) %}
{% endif %}
{% if max_value is not none %}
{% do violations.append(column_name ~ ' >' ~ or_equal ~ ' ' ~ max_value) %}
{% endif %}
{% if not violations %}
{{ exceptions.raise_compiler_error(
    'accepted_range on ' ~ column_name ~ ' needs min_value or max_value'
) }}
{% endif %}
select {{ column_name }}
from {{ model }}
where {{ violations | join(' or ') }}
{% endtest %}
