-- Erases dead letter $1, unless it has a newer edit than $2. A deletion has no edit. A dismissed one is empty; it keeps
-- its record, and takes the edit, so that no older one becomes a dead letter. After a deletion every edit is older.
update conversation.dead_letter
set body = null,
    reason = case when dismissed_by is null then 'edited or deleted by its sender' else reason end,
    edit = case when dismissed_by is null then $2 else coalesce($2, '{"sent_at": "9999-12-30T00:00:00Z", "event_id": ""}') end,
    erased_at = coalesce(erased_at, now())
where key = $1
  and (erased_at is null or edit is not null or dismissed_by is not null)
  and ($2::jsonb is null
       or edit is null
       or (coalesce((edit ->> 'sent_at')::timestamptz, 'epoch'),
           coalesce((edit ->> 'edited_at')::timestamptz, 'epoch'),
           octet_length(edit ->> 'event_id'),
           (edit ->> 'event_id') collate "C")
          <= (coalesce(($2 ->> 'sent_at')::timestamptz, 'epoch'),
              coalesce(($2 ->> 'edited_at')::timestamptz, 'epoch'),
              octet_length($2 ->> 'event_id'),
              ($2 ->> 'event_id') collate "C"))
