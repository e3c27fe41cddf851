{# The condition is true for every row; null counts as unknown and passes. #}
{% test holds(model, condition) %}
select *
from {{ model }}
where not ({{ condition }})
{% endtest %}
