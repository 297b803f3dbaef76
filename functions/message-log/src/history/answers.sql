-- The answers to some messages, and the answers to those, oldest first: the first answers of each message, until they are
-- too large together.
with recursive answer as (
    select message.id as message_id, log.id, log.robeing_id
    from unnest($1::uuid[], $2::text[]) as message (id, robeing_id)
    join conversation.log
        on log.reply_to = message.id and log.robeing_id = message.robeing_id and log.id > message.id
    where log.message is null
    union all
    select answer.message_id, log.id, log.robeing_id
    from answer
    join conversation.log
        on log.reply_to = answer.id and log.robeing_id = answer.robeing_id and log.id > answer.id
    where log.message is null
),
numbered as (
    select *, row_number() over (partition by message_id order by id) as nth
    from answer
)
select message_id, id, intent, confidence, created_at, edited_at, deleted_at, is_left_out,
       case when not is_left_out then response end as response,
       case when not is_left_out then parts end as parts,
       case when not is_left_out then metadata end as metadata
from (
    select *,
           nth > $3
           or coalesce(sum(bytes) over (order by id rows between unbounded preceding and 1 preceding), 0) >= $4
           as is_left_out
    from (
        select message_id, nth, log.*,
                 coalesce(octet_length(response), 0) + coalesce(octet_length(parts::text), 0)
               + octet_length(metadata::text) as bytes
        from numbered
        join conversation.log on log.id = numbered.id and log.robeing_id = numbered.robeing_id
        -- One more row shows that there are more.
        where nth <= $3 + 1
    ) as measured
) as limited
order by id
