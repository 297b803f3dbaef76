-- Erases dead letter $1, unless it has a newer edit than $2. A deletion has no edit.
update conversation.dead_letter
set body = null, reason = 'edited or deleted by its sender', edit = $2, erased_at = coalesce(erased_at, now())
where key = $1
  and (erased_at is null or edit is not null)
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
