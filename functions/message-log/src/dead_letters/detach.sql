-- Gives dismissed dead letter $1 another key, so that the newer edit $2 in Slack becomes a dead letter of its own, and
-- the record of the dismissal stays.
update conversation.dead_letter
set key = gen_random_uuid()
where key = $1
  and dismissed_by is not null
  and (edit is null
       or (coalesce((edit ->> 'sent_at')::timestamptz, 'epoch'),
           coalesce((edit ->> 'edited_at')::timestamptz, 'epoch'),
           octet_length(edit ->> 'event_id'),
           (edit ->> 'event_id') collate "C")
          < (coalesce(($2 ->> 'sent_at')::timestamptz, 'epoch'),
             coalesce(($2 ->> 'edited_at')::timestamptz, 'epoch'),
             octet_length($2 ->> 'event_id'),
             ($2 ->> 'event_id') collate "C"))
