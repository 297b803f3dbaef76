-- message-log: people in Slack by their own team, edits that could not be stored, and counts that follow a message

-- A person of an Enterprise Grid has a row for the enterprise, and one for each team in which they were seen.
alter table conversation.slack_user
    add column is_own boolean not null default false,
    add column earlier_user_ids uuid[] not null default '{}';
comment on column conversation.slack_user.team_id is 'the team or the enterprise in which the id is the person''s; if not is_own, the workspace of the event that brought it';
comment on column conversation.slack_user.is_own is 'whether Slack said that the person belongs to this team';
comment on column conversation.slack_user.earlier_user_ids is 'user ids of messages that were stored before it was known that they are the same person''s';
create index slack_user_user on conversation.slack_user (user_id);
create index slack_user_slack_user on conversation.slack_user (slack_user_id);
create index slack_user_earlier on conversation.slack_user using gin (earlier_user_ids);

alter table conversation.dead_letter add column edit jsonb;
comment on column conversation.dead_letter.edit is 'the place of a Slack edit among the edits of its message, so that a replay edits the message';

-- What an arrival adds to the counts of a message whose Slack message was stored before.
alter table conversation.edited
    add column is_counted boolean not null default false,
    add column messages integer not null default 0,
    add column responses integer not null default 0,
    add column tokens integer not null default 0,
    add column confidence double precision not null default 0,
    add column confidences integer not null default 0;
comment on column conversation.edited.is_counted is 'whether the counts of activity follow the change; those of an edit or a deletion stay';
