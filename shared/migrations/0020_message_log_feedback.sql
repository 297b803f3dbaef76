-- message-log: feedback on messages and responses
create table conversation.feedback (
    id uuid primary key,
    key uuid not null unique,
    message_id uuid not null,
    robeing_id varchar(100) not null,
    name varchar(64) not null,
    value jsonb,
    score double precision generated always as (
        case jsonb_typeof(value)
            when 'number' then value::double precision
            when 'boolean' then case when value::boolean then 1 else -1 end
        end) stored,
    comment text,
    reaction varchar(100),
    source varchar(16) not null,
    user_id uuid,
    slack_user_id varchar(100),
    agent text,
    given_at timestamptz not null,
    removed_at timestamptz,
    is_pending boolean not null default false
);
create index feedback_message on conversation.feedback (message_id);
create index feedback_robeing on conversation.feedback (robeing_id, id desc);
create index feedback_given_at on conversation.feedback (robeing_id, given_at);
create index feedback_user on conversation.feedback (user_id) where user_id is not null;
create index feedback_slack_user on conversation.feedback (slack_user_id) where slack_user_id is not null;
create index feedback_unsettled on conversation.feedback (given_at) where is_pending or removed_at is not null;
alter table conversation.feedback enable row level security, force row level security;
create policy scope on conversation.feedback
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

comment on column conversation.feedback.key is 'digest of message, name, reaction and giver: a second score by the same giver replaces the first';
comment on column conversation.feedback.value is 'a number, true or false, or a masked label';
comment on column conversation.feedback.score is 'the value as a number: true is 1, false is -1, and a label has none';
comment on column conversation.feedback.reaction is 'the emoji of a Slack reaction, with its skin tone';
comment on column conversation.feedback.agent is 'the name of the caller who sent it';
comment on column conversation.feedback.removed_at is 'when a Slack reaction was removed; the row is kept for a day, so that an older event does not restore it';
comment on column conversation.feedback.is_pending is 'whether its message was not stored when the reaction arrived';
