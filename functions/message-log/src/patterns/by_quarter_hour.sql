-- Moves what an earlier release counted by hour on day $1 into quarter hours, as far as the log still has the rows.
-- What was erased since stays in the first quarter of its hour. Texts may have been edited since, so no more is moved
-- than the first quarter has beyond its own rows, and the counts of an hour don't change.
with bounds as materialized (
    select $1::date::timestamp at time zone 'utc' as start, ($1::date + 1)::timestamp at time zone 'utc' as past
),
known as materialized (
    select activity.*, date_bin('1 hour', hour, 'epoch') as whole
    from conversation.activity, bounds
    where hour >= bounds.start and hour < bounds.past
),
-- Changes whose counts the next roll-up adds.
pending as materialized (
    select id, sum(messages) as messages, sum(responses) as responses, sum(tokens) as tokens,
           sum(confidence) as confidence, sum(confidences) as confidences
    from conversation.edited
    where is_counted and id >= conversation.first_id($1) and id < conversation.first_id($1 + 1)
    group by id
),
found as (
    select robeing_id, date_bin('15 minutes', created_at, 'epoch') as hour, 0 as conversations,
           count(message) - coalesce(sum(pending.messages), 0) as messages,
           count(response) - coalesce(sum(pending.responses), 0) as responses,
           sum(token_count) - coalesce(sum(pending.tokens), 0) as tokens,
           coalesce(sum(log.confidence), 0) - coalesce(sum(pending.confidence), 0) as confidence_sum,
           count(log.confidence) - coalesce(sum(pending.confidences), 0) as confidence_count
    from conversation.log
    left join pending using (id)
    where id >= conversation.first_id($1) and id < conversation.first_id($1 + 1)
      and erased_at is null
      and (xid, id) <= (select xid, after_id from conversation.watermark where name = 'message-log')
    group by 1, 2
    union all
    select robeing_id, date_bin('15 minutes', first_message_at, 'epoch'), count(*), 0, 0, 0, 0, 0
    from conversation.thread, bounds
    where first_message_at >= bounds.start and first_message_at < bounds.past
    group by 1, 2
),
counted as materialized (
    select robeing_id, hour, date_bin('1 hour', hour, 'epoch') as whole, sum(conversations) as conversations,
           sum(messages) as messages, sum(responses) as responses, sum(tokens) as tokens,
           sum(confidence_sum) as confidence_sum, sum(confidence_count) as confidence_count
    from found
    group by 1, 2
),
-- What the first quarters have too much.
surplus as (
    select known.robeing_id, known.whole,
           greatest(known.conversations - coalesce(counted.conversations, 0), 0) as conversations,
           greatest(known.messages - coalesce(counted.messages, 0), 0) as messages,
           greatest(known.responses - coalesce(counted.responses, 0), 0) as responses,
           greatest(known.tokens - coalesce(counted.tokens, 0), 0) as tokens,
           greatest(known.confidence_sum - coalesce(counted.confidence_sum, 0), 0) as confidence_sum,
           greatest(known.confidence_count - coalesce(counted.confidence_count, 0), 0) as confidence_count
    from known
    left join counted using (robeing_id, hour)
    where known.hour = known.whole
),
-- What the later quarters lack.
lacking as (
    select counted.robeing_id, counted.hour, counted.whole,
           greatest(counted.conversations - coalesce(known.conversations, 0), 0) as conversations,
           greatest(counted.messages - coalesce(known.messages, 0), 0) as messages,
           greatest(counted.responses - coalesce(known.responses, 0), 0) as responses,
           greatest(counted.tokens - coalesce(known.tokens, 0), 0) as tokens,
           greatest(counted.confidence_sum - coalesce(known.confidence_sum, 0), 0) as confidence_sum,
           greatest(counted.confidence_count - coalesce(known.confidence_count, 0), 0) as confidence_count
    from counted
    left join known using (robeing_id, hour)
    where counted.hour <> counted.whole
),
moved as materialized (
    select robeing_id, hour, whole,
           least(lacking.conversations, greatest(surplus.conversations - coalesce(sum(lacking.conversations) over before, 0), 0))::int8 as conversations,
           least(lacking.messages, greatest(surplus.messages - coalesce(sum(lacking.messages) over before, 0), 0))::int8 as messages,
           least(lacking.responses, greatest(surplus.responses - coalesce(sum(lacking.responses) over before, 0), 0))::int8 as responses,
           least(lacking.tokens, greatest(surplus.tokens - coalesce(sum(lacking.tokens) over before, 0), 0))::int8 as tokens,
           least(lacking.confidence_sum, greatest(surplus.confidence_sum - coalesce(sum(lacking.confidence_sum) over before, 0), 0)) as confidence_sum,
           least(lacking.confidence_count, greatest(surplus.confidence_count - coalesce(sum(lacking.confidence_count) over before, 0), 0))::int8 as confidence_count
    from lacking
    join surplus using (robeing_id, whole)
    window before as (partition by robeing_id, whole order by hour rows between unbounded preceding and 1 preceding)
),
rest as materialized (
    select first.robeing_id, first.hour,
           first.conversations - sum(moved.conversations)::int8 as conversations,
           first.messages - sum(moved.messages)::int8 as messages,
           first.responses - sum(moved.responses)::int8 as responses,
           first.tokens - sum(moved.tokens)::int8 as tokens,
           first.confidence_sum - sum(moved.confidence_sum) as confidence_sum,
           first.confidence_count - sum(moved.confidence_count)::int8 as confidence_count
    from known as first
    join moved using (robeing_id, whole)
    where first.hour = whole
    group by first.robeing_id, first.hour, first.conversations, first.messages, first.responses, first.tokens,
             first.confidence_sum, first.confidence_count
),
deleted as (
    delete from conversation.activity
    using rest
    where activity.robeing_id = rest.robeing_id and activity.hour = rest.hour
      and (rest.conversations, rest.messages, rest.responses, rest.tokens) = (0, 0, 0, 0)
),
reduced as (
    update conversation.activity as known
    set conversations = rest.conversations, messages = rest.messages, responses = rest.responses, tokens = rest.tokens,
        confidence_sum = rest.confidence_sum, confidence_count = rest.confidence_count
    from rest
    where known.robeing_id = rest.robeing_id and known.hour = rest.hour
      and (rest.conversations, rest.messages, rest.responses, rest.tokens) <> (0, 0, 0, 0)
)
insert into conversation.activity as known
select robeing_id, hour, conversations, messages, responses, tokens, confidence_sum, confidence_count
from moved
where (conversations, messages, responses, tokens, confidence_count) <> (0, 0, 0, 0, 0)
on conflict (robeing_id, hour) do update
set conversations = known.conversations + excluded.conversations,
    messages = known.messages + excluded.messages,
    responses = known.responses + excluded.responses,
    tokens = known.tokens + excluded.tokens,
    confidence_sum = known.confidence_sum + excluded.confidence_sum,
    confidence_count = known.confidence_count + excluded.confidence_count
