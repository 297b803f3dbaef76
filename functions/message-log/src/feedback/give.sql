-- Stores feedback, or replaces that of the same giver.
insert into conversation.feedback as known
    (id, key, message_id, robeing_id, name, value, comment, source, user_id, slack_user_id, agent, slack_names, given_at)
values ($3, $4, $1, $2, $5, $6, $7, 'http', $8, $9, $10, $11, now())
on conflict (key) do update
set value = excluded.value,
    comment = excluded.comment,
    user_id = excluded.user_id,
    slack_user_id = coalesce(excluded.slack_user_id, known.slack_user_id),
    slack_names = case when excluded.slack_user_id is null then known.slack_names else excluded.slack_names end,
    agent = excluded.agent,
    given_at = excluded.given_at
returning id, message_id, name, value, comment, reaction, source, user_id, slack_user_id, agent, given_at,
          xmax = 0 as is_new
