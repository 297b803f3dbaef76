-- Moves what an earlier release counted by hour on day $1 into quarter hours, as far as the log still has the rows.
-- What was erased since stays in the first quarter of its hour, so that the counts of an hour don't change.
with bounds as materialized (
    select $1::date::timestamp at time zone 'utc' as start, ($1::date + 1)::timestamp at time zone 'utc' as past
),
known as materialized (
    select activity.*, hour = date_bin('1 hour', hour, 'epoch') as is_first
    from conversation.activity, bounds
    where hour >= bounds.start and hour < bounds.past
),
found as (
    select robeing_id, date_bin('15 minutes', created_at, 'epoch') as hour, 0 as conversations,
           count(message) as messages, count(response) as responses, sum(token_count) as tokens,
           coalesce(sum(confidence), 0) as confidence_sum, count(confidence) as confidence_count
    from conversation.log
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
-- All quarters but the first, of hours that have counts in their first quarter.
later as materialized (
    select robeing_id, hour, max(conversations) as conversations, max(messages) as messages,
           max(responses) as responses, max(tokens) as tokens,
           max(confidence_sum) as confidence_sum, max(confidence_count) as confidence_count
    from (
        select robeing_id, hour, sum(conversations)::int8 as conversations, sum(messages)::int8 as messages,
               sum(responses)::int8 as responses, sum(tokens)::int8 as tokens,
               sum(confidence_sum) as confidence_sum, sum(confidence_count)::int8 as confidence_count
        from found
        group by 1, 2
        union all
        select robeing_id, hour, conversations, messages, responses, tokens, confidence_sum, confidence_count
        from known
    ) as quarter
    where hour <> date_bin('1 hour', hour, 'epoch')
      and (robeing_id, date_bin('1 hour', hour, 'epoch')) in (select robeing_id, hour from known where is_first)
    group by 1, 2
),
rest as (
    select whole.robeing_id, whole.hour,
           greatest(whole.conversations - coalesce(sum(later.conversations), 0), 0)::int8 as conversations,
           greatest(whole.messages - coalesce(sum(later.messages), 0), 0)::int8 as messages,
           greatest(whole.responses - coalesce(sum(later.responses), 0), 0)::int8 as responses,
           greatest(whole.tokens - coalesce(sum(later.tokens), 0), 0)::int8 as tokens,
           greatest(whole.confidence_sum - coalesce(sum(later.confidence_sum), 0), 0) as confidence_sum,
           greatest(whole.confidence_count - coalesce(sum(later.confidence_count), 0), 0)::int8 as confidence_count
    from (
        select robeing_id, date_bin('1 hour', hour, 'epoch') as hour, sum(conversations) as conversations,
               sum(messages) as messages, sum(responses) as responses, sum(tokens) as tokens,
               sum(confidence_sum) as confidence_sum, sum(confidence_count) as confidence_count
        from known
        group by 1, 2
        having bool_or(is_first)
    ) as whole
    left join later on later.robeing_id = whole.robeing_id and date_bin('1 hour', later.hour, 'epoch') = whole.hour
    group by whole.robeing_id, whole.hour, whole.conversations, whole.messages, whole.responses, whole.tokens,
             whole.confidence_sum, whole.confidence_count
),
deleted as (
    delete from conversation.activity
    using rest
    where activity.robeing_id = rest.robeing_id and activity.hour = rest.hour
      and (rest.conversations, rest.messages, rest.responses, rest.tokens) = (0, 0, 0, 0)
)
insert into conversation.activity as known
select * from later
union all
select * from rest where (conversations, messages, responses, tokens) <> (0, 0, 0, 0)
on conflict (robeing_id, hour) do update
set conversations = excluded.conversations, messages = excluded.messages, responses = excluded.responses,
    tokens = excluded.tokens, confidence_sum = excluded.confidence_sum, confidence_count = excluded.confidence_count
where known.* is distinct from excluded.*
