{% test at_least(model, column_name, minimum=0) %}
{# Values below the minimum. #}
select {{ column_name }}
from {{ model }}
where {{ column_name }} < {{ minimum }}
{% endtest %}
