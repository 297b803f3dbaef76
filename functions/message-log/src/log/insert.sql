-- The rows, as one list per column.
with new as (
    select *
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[],
                $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::text[], $13::float8[],
                $14::jsonb[], $15::int4[], $16::uuid[], $17::text[], $18::text[], $19::uuid[],
                $20::timestamptz[], $21::bool[]) with ordinality
        as new (id, key, robeing_id, channel_id, channel_type, thread_ts, user_id,
                slack_user_id, message, response, parts, intent, confidence,
                metadata, token_count, reply_to, source, source_event_id, content,
                created_at, is_reply_named, position)
),
-- Claims keys that carry no time. A concurrent insert with the same key waits here.
claimed as (
    insert into conversation.ingest_key (key, message_id)
    select key, id from new where key is not null order by key, position
    on conflict (key) do nothing
    returning message_id
)
insert into conversation.log (
    id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id, message, response,
    parts, intent, confidence, metadata, token_count, reply_to, source, source_event_id, content,
    created_at, is_reply_named)
select
    id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id, message, response,
    parts, intent, confidence, metadata, token_count, reply_to, source, source_event_id, content,
    created_at, is_reply_named
from new
where key is null or id in (select message_id from claimed)
order by id, position
on conflict (id) do nothing
returning id
