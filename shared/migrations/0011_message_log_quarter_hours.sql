-- message-log: activity by quarter hour, and the days whose copies an earlier release derived

comment on column conversation.activity.hour is 'the start of a quarter hour, so that quarter hours add up to the hours and days of any time zone; the start of an hour for messages that an earlier release counted';

-- Roll-ups derive the copies of these days again: activity by quarter hour, and the n-grams of texts that search
-- folds differently now. An earlier release may still run today and tomorrow.
create table conversation.outdated_day (
    day date primary key,
    after_id uuid not null default '00000000-0000-0000-0000-000000000000'
);
comment on column conversation.outdated_day.day is 'in UTC';
comment on column conversation.outdated_day.after_id is 'the rows of the day up to this one are done';

select set_config('app.robeings', '*', true);
insert into conversation.outdated_day (day)
select distinct outdated.day
from conversation.activity
cross join lateral (values
    ((hour at time zone 'utc')::date),
    ((now() at time zone 'utc')::date),
    ((now() at time zone 'utc')::date + 1)) as outdated (day);
select set_config('app.robeings', '', true);

-- For the conversations that began on a day.
create index thread_first_message_at on conversation.thread using brin (first_message_at);

-- Like conversation.committed, for the rows of a day.
create function conversation.committed_on(day date, below_xid xid8)
returns table (robeing_id varchar, created_at timestamptz, is_answer boolean, place text)
language sql stable parallel safe as $$
    select robeing_id, created_at, reply_to is not null, conversation.place(thread_ts, channel_id, channel_type)
    from conversation.log
    where id >= conversation.first_id(day) and id < conversation.first_id(day + 1)
      and xid < below_xid
      and content <> '00000000-0000-0000-0000-000000000000'
$$;
