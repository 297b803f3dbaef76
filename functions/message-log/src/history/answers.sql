-- The answers to some messages, oldest first: the first answers of each, until they are too large together.
select id, reply_to, intent, confidence, is_left_out,
       case when not is_left_out then response end as response
from (
    select *,
           nth > $3
           or coalesce(sum(octet_length(response)) over (order by id rows between unbounded preceding and 1 preceding), 0) >= $4
           as is_left_out
    from (
        select log.id, log.reply_to, log.response, log.intent, log.confidence,
               row_number() over (partition by log.reply_to order by log.id) as nth
        from unnest($1::uuid[], $2::text[]) as message (id, robeing_id)
        join conversation.log
            on log.reply_to = message.id and log.robeing_id = message.robeing_id and log.id > message.id
    ) as answer
    -- One more row shows that there are more.
    where nth <= $3 + 1
) as measured
order by id
