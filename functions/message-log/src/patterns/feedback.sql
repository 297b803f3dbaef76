-- The feedback per local day and name, of the most frequent names.
with counted as (
    select * from conversation.feedback_counts($1, $2, $3, $4, $5, $6, $7)
)
select day, name, given, positive, negative,
       positive::double precision / nullif(scored, 0) as positive_share,
       negative::double precision / nullif(scored, 0) as negative_share,
       total / nullif(scored, 0) as mean
from counted
where name in (select name from counted group by name order by sum(given) desc, name limit $8)
order by day, name
