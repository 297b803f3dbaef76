-- The feedback on the messages of a robeing per local day.
select day, sum(given)::bigint as given, sum(positive)::bigint as positive, sum(negative)::bigint as negative,
       sum(positive)::double precision / nullif(sum(scored), 0)::double precision as positive_share,
       sum(negative)::double precision / nullif(sum(scored), 0)::double precision as negative_share
from conversation.feedback_counts($1, $2, $3, $4, $5, $6, $7)
group by day
