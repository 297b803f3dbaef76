-- The feedback on the messages of a robeing per local day.
select day, count(*) as given, count(*) filter (where score > 0) as positive,
       count(*) filter (where score < 0) as negative, count(score) as scored
from (
    select (given_at at time zone 'utc' + $5[1 + width_bucket(given_at, $4)] * interval '1 second')::date as day,
           score
    from conversation.feedback
    where robeing_id = $1
      and given_at >= $2
      and given_at < $3
      and removed_at is null
      -- Feedback on a deleted message stays until the next roll-up, and a reaction may precede its message.
      and exists (
          select from conversation.log
          where log.id = feedback.message_id and log.robeing_id = $1 and log.deleted_at is null)
) as given
where day between $6 and $7
group by day
