-- Stores the edited message, unless a newer edit or a deletion is stored.
with changed as (
    insert into conversation.log as known (
        id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id, message, response,
        metadata, token_count, reply_to, source, source_event_id, content, created_at, edited_at, edit_order)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'slack', $13, $14, $15, $16, $17)
    -- An edit changes the message or the response; the other one stays.
    on conflict (id) do update
    set message = coalesce(excluded.message, known.message),
        response = coalesce(excluded.response, known.response),
        parts = nullif(known.parts - case when excluded.message is null then 'response' else 'message' end, '{}'),
        -- A quarter of the characters, rounded up (see `tokens`).
        token_count = excluded.token_count
            + (char_length(coalesce(case when excluded.message is null then known.message else known.response end, '')) + 3) / 4,
        -- What an agent added stays. Of what Slack says, only the files change.
        metadata = excluded.metadata || case
            when known.metadata ->> 'ts' = excluded.metadata ->> 'ts' then known.metadata - 'files'
            else known.metadata
        end,
        channel_type = coalesce(known.channel_type, excluded.channel_type),
        edited_at = excluded.edited_at,
        edit_order = excluded.edit_order
    where known.robeing_id = excluded.robeing_id
      and known.deleted_at is null
      and (known.edit_order is null or known.edit_order < excluded.edit_order)
    returning id, robeing_id
)
-- The next roll-up updates search and patterns.
insert into conversation.edited (id, robeing_id)
select id, robeing_id from changed
returning id
