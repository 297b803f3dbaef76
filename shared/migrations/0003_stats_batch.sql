-- stats-batch: what each robeing did, and what it has become by that; with what the log offers to be counted by

-- The log's months, as it has partitions of them.
create function conversation.months() returns setof date
language sql stable as $$
    select to_date(substr(relname, 5), 'YYYY_MM')
    from pg_inherits
    join pg_class on pg_class.oid = inhrelid
    where inhparent = 'conversation.log'::regclass and not inhdetachpending
$$;

create function conversation.first_id(day date) returns uuid
language sql immutable as $$
    select (lpad(to_hex((extract(epoch from day::timestamp at time zone 'utc') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Where a message was said: in a thread, which goes on; to the robeing alone; or in a channel, to many.
create function conversation.place(thread_ts text, channel_id text, channel_type text) returns text
language sql immutable parallel safe as $$
    select case
        when thread_ts is not null then 'thread'
        when channel_id is null or channel_type in ('im', 'mpim') then 'direct'
        else 'channel'
    end
$$;

-- What was inserted by transactions of a range, without any text or person. Below the horizon of
-- `pg_snapshot_xmin` nothing more comes. A row that answers another belongs to that. What was
-- erased has nothing left to count by: a digest of nothing tells it.
create function conversation.committed(from_xid xid8, below xid8)
returns table (robeing_id varchar, created_at timestamptz, is_answer boolean, place text)
language sql stable parallel safe as $$
    select robeing_id, created_at, reply_to is not null, conversation.place(thread_ts, channel_id, channel_type)
    from conversation.log
    where xid >= from_xid and xid < below and content <> '00000000-0000-0000-0000-000000000000'
$$;

-- An xid means nothing in another cluster. After a restore, whoever counts by them calls this
-- first: once, all rows that were restored become rows of the past.
create table conversation.cluster (system_identifier bigint primary key);
insert into conversation.cluster select system_identifier from pg_control_system();

create function conversation.adopt_cluster() returns void
language plpgsql as $$
declare
    ours bigint := (select system_identifier from pg_control_system());
    known bigint;
    month date;
begin
    select system_identifier into known from conversation.cluster for update;
    if known = ours then
        return;
    end if;
    for month in select * from conversation.months() loop
        update conversation.log
        set xid = '3'
        where id >= conversation.first_id(month) and id < conversation.first_id((month + interval '1 month')::date);
    end loop;
    update conversation.edited set xid = '3';
    update conversation.cluster set system_identifier = ours;
end $$;

create table robeing.stats (
    id uuid primary key default gen_random_uuid(),
    robeing_id varchar(100) not null unique,
    level bigint not null default 1,
    experience bigint not null default 0,
    memory_stat bigint not null default 10,
    compute_stat bigint not null default 10,
    empathy_stat bigint not null default 10,
    leadership_stat bigint not null default 10,
    ethics_stat bigint not null default 10,
    total_conversations bigint not null default 0,
    successful_tasks bigint not null default 0,
    failed_tasks bigint not null default 0,
    memory_experience bigint not null default 0,
    compute_experience bigint not null default 0,
    empathy_experience bigint not null default 0,
    leadership_experience bigint not null default 0,
    ethics_experience bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on column robeing.stats.memory_experience is 'the part of the experience that what it did earned for this stat';
create index stats_rank on robeing.stats (experience desc, robeing_id);

create table robeing.task (
    id uuid primary key,
    robeing_id varchar(100) not null,
    key uuid not null,
    task_type varchar(64) not null,
    difficulty smallint not null,
    outcome varchar(16) not null,
    stat varchar(16) not null,
    experience bigint not null,
    xid xid8 not null default pg_current_xact_id(),
    created_at timestamptz not null default now(),
    unique (robeing_id, key)
);
comment on column robeing.task.key is 'digest of the sender''s key, or the id where there is none';
comment on column robeing.task.experience is 'as the table was when it ended';
create index task_xid on robeing.task (xid);

-- What each robeing did, by the hour in UTC, so that a day can be that of any time zone. Of a
-- month that left the log it is all there is.
create table robeing.growth (
    robeing_id varchar(100) not null,
    hour timestamptz not null,
    in_threads bigint not null,
    direct bigint not null,
    in_channels bigint not null,
    successful_tasks bigint not null,
    failed_tasks bigint not null,
    memory_experience bigint not null,
    compute_experience bigint not null,
    empathy_experience bigint not null,
    leadership_experience bigint not null,
    ethics_experience bigint not null,
    primary key (robeing_id, hour)
);
comment on column robeing.growth.in_threads is 'conversations, by where they were';
comment on column robeing.growth.memory_experience is 'of tasks; a conversation gives one to the stat of its place';

-- Up to where (not including) log and tasks are rolled up.
create table robeing.watermark (
    name varchar(32) primary key,
    xid xid8 not null,
    cluster bigint not null,
    as_of timestamptz not null default now(),
    next_xid xid8 not null default '0',
    next_at timestamptz not null default now()
);
comment on column robeing.watermark.as_of is 'what was committed by then is rolled up';
comment on column robeing.watermark.next_xid is 'once the horizon is there, all that began before next_at has ended';
insert into robeing.watermark (name, xid, cluster)
select 'stats-batch', '0', system_identifier from pg_control_system();

-- What was counted, or was to be, and is no longer in the log: a person was erased, and the counts stay.
create table robeing.removed (
    robeing_id varchar(100) not null,
    hour timestamptz not null,
    in_threads bigint not null,
    direct bigint not null,
    in_channels bigint not null,
    was_counted boolean not null,
    xid xid8 not null default pg_current_xact_id()
);
comment on column robeing.removed.was_counted is 'where not, the next roll-up counts it';
create index removed_xid on robeing.removed (xid);
create index removed_robeing on robeing.removed (robeing_id);

-- What log and tasks have of a range of transactions, by robeing and hour; there may be two rows of one. A
-- statement that writes runs on one core. What a function returns by a query may run on several, and
-- is what a roll-up spends its time on.
create function robeing.counted(from_xid xid8, below xid8)
returns table (
    robeing_id varchar, hour timestamptz, rows bigint, in_threads bigint, direct bigint, in_channels bigint,
    successful_tasks bigint, failed_tasks bigint,
    memory numeric, compute numeric, empathy numeric, leadership numeric, ethics numeric)
language plpgsql stable set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
begin
    return query
        select robeing_id, date_bin('1 hour', created_at, 'epoch'), count(*),
               count(*) filter (where not is_answer and place = 'thread'),
               count(*) filter (where not is_answer and place = 'direct'),
               count(*) filter (where not is_answer and place = 'channel'),
               0::bigint, 0::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric
        from conversation.committed(from_xid, below)
        group by 1, 2;
    return query
        select robeing_id, date_bin('1 hour', created_at, 'epoch'), count(*), 0::bigint, 0::bigint, 0::bigint,
               count(*) filter (where outcome = 'success'), count(*) filter (where outcome <> 'success'),
               coalesce(sum(experience) filter (where stat = 'memory'), 0),
               coalesce(sum(experience) filter (where stat = 'compute'), 0),
               coalesce(sum(experience) filter (where stat = 'empathy'), 0),
               coalesce(sum(experience) filter (where stat = 'leadership'), 0),
               coalesce(sum(experience) filter (where stat = 'ethics'), 0)
        from robeing.task
        where xid >= from_xid and xid < below
        group by 1, 2;
end $$;

do $$
declare
    name text;
begin
    foreach name in array array['stats', 'task', 'growth', 'removed'] loop
        execute format('alter table robeing.%I enable row level security', name);
        execute format('alter table robeing.%I force row level security', name);
        execute format(
            $policy$
                create policy scope on robeing.%I using (
                    (select current_setting('app.robeings')) = '*'
                    or robeing_id = any ((select string_to_array(current_setting('app.robeings'), e'\n'))::text[]))
            $policy$,
            name);
    end loop;
end $$;

-- Holds the mark until the commit, so that no roll-up takes the rows meanwhile, or takes them for gone.
create function robeing.keep_counts() returns trigger
language plpgsql as $$
declare
    mark xid8;
begin
    if not exists (select from gone) then
        return null;
    end if;
    select xid into mark from robeing.watermark where watermark.name = 'stats-batch' for share;
    insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
    select robeing_id, date_bin('1 hour', created_at, 'epoch'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'thread'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'direct'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'channel'),
           xid < mark
    from gone
    where reply_to is null and content <> '00000000-0000-0000-0000-000000000000'
    group by 1, 2, xid < mark;
    return null;
end $$;
create trigger keep_counts_of_deleted after delete on conversation.log
referencing old table as gone
for each statement execute function robeing.keep_counts();

create function robeing.keep_counts_of_erased() returns trigger
language plpgsql as $$
declare
    mark xid8;
begin
    if not exists (
        select from after where content = '00000000-0000-0000-0000-000000000000')
    then
        return null;
    end if;
    select xid into mark from robeing.watermark where watermark.name = 'stats-batch' for share;
    insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
    select before.robeing_id, date_bin('1 hour', before.created_at, 'epoch'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'thread'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'direct'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'channel'),
           before.xid < mark
    from before
    join after using (id)
    where before.reply_to is null
      and before.content <> '00000000-0000-0000-0000-000000000000'
      and after.content = '00000000-0000-0000-0000-000000000000'
    group by 1, 2, before.xid < mark;
    return null;
end $$;
create trigger keep_counts_of_erased after update on conversation.log
referencing old table as before new table as after
for each statement execute function robeing.keep_counts_of_erased();
