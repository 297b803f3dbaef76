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
    slack_names text[],
    agent text,
    agent_key text generated always as (replace(lower(agent), '-', '')) stored,
    given_at timestamptz not null,
    removed_at timestamptz,
    is_pending boolean not null default false
);
create index feedback_message on conversation.feedback (message_id);
create index feedback_robeing on conversation.feedback (robeing_id, id desc);
create index feedback_given_at on conversation.feedback (robeing_id, given_at);
create index feedback_user on conversation.feedback (user_id) where user_id is not null;
create index feedback_slack_user on conversation.feedback (slack_user_id) where slack_user_id is not null;
create index feedback_agent on conversation.feedback (agent_key) where agent_key is not null;
create index feedback_unsettled on conversation.feedback (given_at) where is_pending or removed_at is not null;
alter table conversation.feedback enable row level security, force row level security;
create policy scope on conversation.feedback
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

comment on column conversation.feedback.key is 'digest of message, name, reaction and giver: a second score by the same giver replaces the first';
comment on column conversation.feedback.value is 'a number, true or false, or a masked label';
comment on column conversation.feedback.score is 'the value as a number: true is 1, false is -1, and a label has none';
comment on column conversation.feedback.reaction is 'the emoji of a Slack reaction, with its skin tone';
comment on column conversation.feedback.slack_names is 'the Slack id of the giver with each team or enterprise in which it is theirs, such as T0123ABCD:U0123ABCD; null: no team is known';
comment on column conversation.feedback.agent is 'the name of the caller who sent it';
comment on column conversation.feedback.agent_key is 'the form of agent that all spellings of a user id share: an index on the expression alone would not serve a role under row-level security';
comment on column conversation.feedback.removed_at is 'when a Slack reaction was removed; the row is kept for a day, so that an older event does not restore it';
comment on column conversation.feedback.is_pending is 'whether its message was not stored when the reaction arrived';

-- Whether feedback by a Slack id can be that of a person with these names. Of an id that has no team in `of_person`, it
-- can be in any team.
create function conversation.is_in_team(slack_names text[], slack_user_id text, of_person text[]) returns boolean
language sql immutable as $$
    select slack_names is null
        or slack_names && of_person
        or not exists (
            select from unnest(of_person) as name where split_part(name, ':', 2) = slack_user_id)
$$;

-- The feedback on the messages of a robeing per local day and name. In the time zone of the days, the offset from UTC is
-- offsets[1] seconds, and offsets[n + 1] from changes[n] on.
create function conversation.feedback_counts(
    of_robeing text, from_time timestamptz, to_time timestamptz, changes timestamptz[], offsets int[], first_day date,
    last_day date)
returns table (day date, name varchar, given bigint, positive bigint, negative bigint, scored bigint, total double precision)
language sql stable as $$
    select day, name, count(*), count(*) filter (where score > 0), count(*) filter (where score < 0), count(score),
           sum(score)
    from (
        select (given_at at time zone 'utc' + offsets[1 + width_bucket(given_at, changes)] * interval '1 second')::date as day,
               name, score
        from conversation.feedback
        where robeing_id = of_robeing
          and given_at >= from_time
          and given_at < to_time
          and removed_at is null
          -- Feedback on a deleted message stays until the next roll-up, and a reaction may precede its message.
          and exists (
              select from conversation.log
              where log.id = feedback.message_id and log.robeing_id = of_robeing and log.deleted_at is null)
    ) as counted
    where day between first_day and last_day
    group by day, name
$$;
