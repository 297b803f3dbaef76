-- Stores the edited message, unless a newer edit or a deletion is stored.
with changed as (
    insert into conversation.log as known (
        id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id, message, response,
        metadata, token_count, reply_to, source, source_event_id, content, created_at, edited_at, edit_order,
        is_reply_named)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'slack', $13, $14, $15, $16, $17,
            $19)
    -- An edit changes the message or the response; the other one stays. If the row has one text, that text was edited:
    -- Slack can't always tell that the robeing said it.
    on conflict (id) do update
    set (message, response, parts, token_count) = (
            select case when on_other_side then excluded.response else coalesce(excluded.message, known.message) end,
                   case when on_other_side then excluded.message else coalesce(excluded.response, known.response) end,
                   nullif(known.parts
                          - case when (excluded.message is not null) <> on_other_side then 'message' else '' end
                          - case when (excluded.response is not null) <> on_other_side then 'response' else '' end, '{}'),
                   -- A quarter of the characters, rounded up (see `tokens`).
                   excluded.token_count + case
                       when on_other_side then 0
                       when excluded.message is null then (char_length(coalesce(known.message, '')) + 3) / 4
                       when excluded.response is null then (char_length(coalesce(known.response, '')) + 3) / 4
                       else 0
                   end
            from (
                select (known.message is null) <> (known.response is null)
                       and (excluded.message is null) <> (excluded.response is null)
                       and (known.message is null) <> (excluded.message is null)
            ) as edit (on_other_side)),
        -- What an agent added stays. Of what Slack says, only the files change.
        metadata = excluded.metadata || case
            when known.metadata ->> 'ts' = excluded.metadata ->> 'ts' then known.metadata - 'files'
            else known.metadata
        end,
        channel_type = coalesce(known.channel_type, excluded.channel_type),
        -- Its placeholders are numbered in the place that the edit names.
        earlier_placeholders = case
            when $18::uuid is null or $18 = any (known.earlier_placeholders)
                 or (known.channel_id, known.thread_ts) is not distinct from (excluded.channel_id, excluded.thread_ts)
            then known.earlier_placeholders
            else known.earlier_placeholders || $18
        end,
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
