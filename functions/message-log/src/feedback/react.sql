-- Stores a reaction, or its removal, unless a newer event was stored before.
insert into conversation.feedback as known
    (id, key, message_id, robeing_id, name, value, reaction, source, user_id, slack_user_id, given_at, removed_at,
     is_pending, slack_names)
select $1, $2, $3, $4, $5, $6, $7, 'slack',
       -- The person, if one is known by this Slack id.
       (select (array_agg(distinct user_id))[1]
        from conversation.slack_user
        where slack_user_id = $8 and team_id = any ($9)
        having count(distinct user_id) = 1),
       $8, least($10, now() + interval '1 day'), $11, $12, $15
-- The message of a closed month does not arrive any more.
where (not $12 or not exists (select from conversation.closed_month where month = $13))
  and (not $14 or exists (select from conversation.feedback where key = $2))
on conflict (key) do update
set value = excluded.value,
    reaction = excluded.reaction,
    user_id = coalesce(excluded.user_id, known.user_id),
    slack_user_id = excluded.slack_user_id,
    slack_names = excluded.slack_names,
    given_at = excluded.given_at,
    removed_at = excluded.removed_at
where excluded.given_at >= known.given_at
