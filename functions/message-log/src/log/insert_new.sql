-- Inserts new rows without keys in the ledger ($2), given as one list per column.
insert into conversation.log (
    id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id, message, response,
    parts, intent, confidence, metadata, token_count, reply_to, source, source_event_id, content,
    created_at, is_reply_named)
select
    id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id, message, response,
    parts, intent, confidence, metadata, token_count, reply_to, source, source_event_id, content,
    created_at, is_reply_named
from unnest($1::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[],
            $9::text[], $10::text[], $11::jsonb[], $12::text[], $13::float8[], $14::jsonb[],
            $15::int4[], $16::uuid[], $17::text[], $18::text[], $19::uuid[], $20::timestamptz[],
            $21::bool[])
    as new (id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id, message,
            response, parts, intent, confidence, metadata, token_count, reply_to, source,
            source_event_id, content, created_at, is_reply_named)
