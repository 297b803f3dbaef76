-- Stores a dead letter. Another attempt replaces its content, unless it is emptied or has that of a newer edit in Slack.
-- Edits are ordered as for messages (see `Edit`); the message as it was posted is older than any edit.
insert into conversation.dead_letter as known
    (id, key, source, source_event_id, is_exact, event_time, event_order, sent_at, robeing_id, reason, body, edit)
values ($1, $2, $3, $4, $10, $5, $6, $11, $7, $8, $9, $12)
on conflict (key) do update
set attempts = known.attempts + 1,
    last_attempt_at = now(),
    -- A newer edit is listed again. A robeing that has the message keeps it: see `replayed_at`.
    (reason, body, edit, erased_at, message_id) = (
        select case when is_replaced then excluded.reason else known.reason end,
               case when is_replaced then excluded.body else known.body end,
               case when is_replaced then excluded.edit else known.edit end,
               case when is_replaced then null else known.erased_at end,
               case
                   when is_replaced and excluded.edit is not null and excluded.edit is distinct from known.edit then null
                   else known.message_id
               end
        from (values (
            (coalesce((known.edit ->> 'sent_at')::timestamptz, 'epoch'),
             coalesce((known.edit ->> 'edited_at')::timestamptz, 'epoch'),
             octet_length(known.edit ->> 'event_id'),
             (known.edit ->> 'event_id') collate "C")
            < (coalesce((excluded.edit ->> 'sent_at')::timestamptz, 'epoch'),
               coalesce((excluded.edit ->> 'edited_at')::timestamptz, 'epoch'),
               octet_length(excluded.edit ->> 'event_id'),
               (excluded.edit ->> 'event_id') collate "C"))
        ) as edits (is_newer)
        cross join lateral (values (
            case
                when known.edit is null then known.erased_at is null
                -- Emptied by an edit that its message has. What was erased or deleted has none.
                when known.erased_at is not null then coalesce(is_newer, false)
                else coalesce(is_newer, false) or known.edit = excluded.edit
            end)
        ) as attempt (is_replaced))
