-- message-log: the team of the person who gave feedback

alter table conversation.feedback add column slack_names text[];
comment on column conversation.feedback.slack_names is 'the Slack id of the giver with each team or enterprise in which it is theirs, such as T0123ABCD:U0123ABCD; null: no team is known';
create index feedback_slack_names on conversation.feedback using gin (slack_names);

-- Whether feedback by a Slack id can be that of a person with these names. Of an id that has no team in `of_person`, it
-- can be in any team.
create function conversation.is_in_team(slack_names text[], slack_user_id text, of_person text[]) returns boolean
language sql immutable as $$
    select slack_names is null
        or slack_names && of_person
        or not exists (
            select from unnest(of_person) as name where split_part(name, ':', 2) = slack_user_id)
$$;

-- An earlier release, which runs beside this one during an upgrade, gives the feedback of one Slack id in two teams one
-- key, and removes the ids of an emptied row without this one.
create function conversation.forget_slack_names() returns trigger
language plpgsql as $$
begin
    new.slack_names := null;
    return new;
end $$;
create trigger feedback_slack_names
    before update on conversation.feedback
    for each row
    when (new.slack_names is not null
          and (new.slack_user_id is null
               or new.key <> old.key and new.slack_names is not distinct from old.slack_names))
    execute function conversation.forget_slack_names();
