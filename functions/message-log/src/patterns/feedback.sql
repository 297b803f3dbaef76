-- The feedback per local day and name, of the most frequent names.
with given as (
    select (given_at at time zone 'utc' + $5[1 + width_bucket(given_at, $4)] * interval '1 second')::date as day,
           name, score
    from conversation.feedback
    where robeing_id = $1
      and given_at >= $2
      and given_at < $3
      and removed_at is null
      -- Feedback on a deleted message stays until the next roll-up, and a reaction may precede its message.
      and exists (
          select from conversation.log
          where log.id = feedback.message_id and log.robeing_id = $1 and log.deleted_at is null)
)
select day, name, count(*) as given, count(*) filter (where score > 0) as positive,
       count(*) filter (where score < 0) as negative, count(score) as scored, avg(score) as mean
from given
where day between $6 and $7
  and name in (
      select name from given
      where day between $6 and $7
      group by name
      order by count(*) desc, name
      limit $8)
group by day, name
order by day, name
