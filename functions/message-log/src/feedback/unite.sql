-- Gives the earlier feedback of a person, under whichever of their ids, the key by which it is replaced. A row with the
-- team of the person is kept rather than one without.
with own as (
    select id, row_number() over (order by key = $1 desc, slack_names is null, id desc) as nth
    from conversation.feedback
    where message_id = $2
      and robeing_id = $3
      and name = $4
      and source = 'http'
      and (key = $1 or user_id = any ($5)
           or user_id is null and slack_user_id = any ($6) and conversation.is_in_team(slack_names, slack_user_id, $7)
           or user_id is null and slack_names && $7::text[])
),
further as (
    delete from conversation.feedback where id in (select id from own where nth > 1)
)
update conversation.feedback
set key = $1
where id = (select id from own where nth = 1) and key <> $1
