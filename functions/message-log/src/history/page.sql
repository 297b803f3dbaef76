-- A page, newest first. Rows that would make it too large are counted, and not read.
select *
from (
    select *,
           count(*) over () as found,
           sum(bytes) over (order by id desc rows between unbounded preceding and 1 preceding) as before
    from (
        select id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id, message,
               response, parts, intent, confidence, metadata, created_at, edited_at, deleted_at, erased_at,
                 coalesce(octet_length(message), 0) + coalesce(octet_length(response), 0)
               + coalesce(octet_length(parts::text), 0) + octet_length(metadata::text) as bytes
        from conversation.log
        where id >= $1
          and id < $2
          and ($3::text is null or robeing_id = $3)
          and ($4::text[] is null or robeing_id = any ($4))
          and ($5::text is null or channel_id = $5)
          -- The message that a thread belongs to has no thread of its own in a direct channel.
          and ($6::text is null or thread_ts = $6 or id = $12)
          and ($14 or erased_at is null)
          and ($7::uuid is null or user_id = $7)
          and ($11::uuid[] is null or user_id = any ($11) or user_id is null and slack_user_id = any ($13))
          -- An item has the answers to its message, and the answers to those. So a message passes if one of them does.
          and ($8::text is null or intent = $8 or exists (
                with recursive answer as (
                    select first.id, first.robeing_id, first.intent
                    from conversation.log as first
                    where first.reply_to = log.id and first.robeing_id = log.robeing_id and first.id > log.id
                      and first.message is null
                    union all
                    select next.id, next.robeing_id, next.intent
                    from answer
                    join conversation.log as next
                        on next.reply_to = answer.id and next.robeing_id = answer.robeing_id and next.id > answer.id
                    where next.message is null
                )
                select from answer where answer.intent = $8))
          -- An answer is part of the item of its message, if that is listed as well.
          and (reply_to is null or message is not null or not exists (
                select from conversation.log as answered
                where answered.id = log.reply_to and answered.robeing_id = log.robeing_id
                  and answered.id >= $1 and answered.id < log.id and answered.erased_at is null
                  and ($5::text is null or answered.channel_id = $5)
                  and ($6::text is null or answered.thread_ts = $6 or answered.id = $12)
                  and ($7::uuid is null or answered.user_id = $7)
                  and ($11::uuid[] is null or answered.user_id = any ($11)
                       or answered.user_id is null and answered.slack_user_id = any ($13))))
        order by id desc
        limit $9
    ) as wanted
) as measured
where coalesce(before, 0) < $10
order by id desc
