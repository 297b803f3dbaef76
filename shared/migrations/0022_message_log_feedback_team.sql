-- message-log: the team of who gave feedback, the form of a caller's name that all spellings of an id share, and counts

alter table conversation.feedback
    add column slack_names text[],
    add column agent_key text generated always as (replace(lower(agent), '-', '')) stored;
create index feedback_agent on conversation.feedback (agent_key) where agent_key is not null;
comment on column conversation.feedback.slack_names is 'the Slack id of the giver with each team or enterprise in which it is theirs, such as T0123ABCD:U0123ABCD; null: no team is known';
comment on column conversation.feedback.agent_key is 'the form of agent that all spellings of a user id share: an index on the expression alone would not serve a role under row-level security';

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
