-- stats-batch: counts by quarter hour, and the days that an earlier release counted by hour

comment on column robeing.growth.hour is 'the start of a quarter hour, so that quarter hours add up to the days of any time zone; the start of an hour for what an earlier release counted';
comment on column robeing.removed.hour is 'the start of a quarter hour; the start of an hour if an earlier release recorded it';

-- Roll-ups count these days again, by quarter hour. A roll-up that began before this step may still count by hour.
create table robeing.outdated_day (day date primary key);
comment on column robeing.outdated_day.day is 'in UTC';
select set_config('app.robeings', '*', true);
insert into robeing.outdated_day (day)
select distinct outdated.day
from robeing.growth
cross join lateral (values
    ((hour at time zone 'utc')::date),
    ((now() at time zone 'utc')::date),
    ((now() at time zone 'utc')::date + 1)) as outdated (day);
select set_config('app.robeings', '', true);

-- What transactions of a range added to the log and to tasks, by robeing and quarter hour; two rows may have the
-- same robeing and quarter hour. Its name is that of the earlier release, which may still call it. It is a function
-- because a statement that writes runs on one core, while a query whose rows a function returns may run on several,
-- and roll-ups spend most of their time here.
create or replace function robeing.hourly_counts(from_xid xid8, below_xid xid8)
returns table (
    robeing_id varchar, hour timestamptz, rows bigint, in_threads bigint, direct bigint, in_channels bigint,
    successful_tasks bigint, failed_tasks bigint,
    memory numeric, compute numeric, empathy numeric, leadership numeric, ethics numeric)
language plpgsql stable set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
begin
    return query
        select robeing_id, date_bin('15 minutes', created_at, 'epoch'), count(*),
               count(*) filter (where not is_answer and place = 'thread'),
               count(*) filter (where not is_answer and place = 'direct'),
               count(*) filter (where not is_answer and place = 'channel'),
               0::bigint, 0::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric
        from conversation.committed(from_xid, below_xid)
        group by 1, 2;
    return query
        select robeing_id, date_bin('15 minutes', created_at, 'epoch'), count(*), 0::bigint, 0::bigint, 0::bigint,
               count(*) filter (where outcome = 'success'), count(*) filter (where outcome <> 'success'),
               coalesce(sum(experience) filter (where stat = 'memory'), 0),
               coalesce(sum(experience) filter (where stat = 'compute'), 0),
               coalesce(sum(experience) filter (where stat = 'empathy'), 0),
               coalesce(sum(experience) filter (where stat = 'leadership'), 0),
               coalesce(sum(experience) filter (where stat = 'ethics'), 0)
        from robeing.task
        where xid >= from_xid and xid < below_xid
        group by 1, 2;
end $$;

-- Locks the watermark until the commit, so that no roll-up reads the rows meanwhile, or misses them.
create or replace function robeing.record_deleted() returns trigger
language plpgsql as $$
declare
    counted_below xid8;
begin
    if not exists (select from deleted) then
        return null;
    end if;
    select xid into counted_below from robeing.watermark where watermark.name = 'stats-batch' for share;
    insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
    select robeing_id, date_bin('15 minutes', created_at, 'epoch'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'thread'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'direct'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'channel'),
           xid < counted_below
    from deleted
    where reply_to is null and content <> '00000000-0000-0000-0000-000000000000'
    group by 1, 2, xid < counted_below;
    return null;
end $$;

create or replace function robeing.record_erased() returns trigger
language plpgsql as $$
declare
    counted_below xid8;
begin
    if not exists (
        select from after where content = '00000000-0000-0000-0000-000000000000')
    then
        return null;
    end if;
    select xid into counted_below from robeing.watermark where watermark.name = 'stats-batch' for share;
    insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
    select before.robeing_id, date_bin('15 minutes', before.created_at, 'epoch'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'thread'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'direct'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'channel'),
           before.xid < counted_below
    from before
    join after using (id)
    where before.reply_to is null
      and before.content <> '00000000-0000-0000-0000-000000000000'
      and after.content = '00000000-0000-0000-0000-000000000000'
    group by 1, 2, before.xid < counted_below;
    return null;
end $$;
