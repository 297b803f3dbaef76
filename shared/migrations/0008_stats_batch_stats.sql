-- stats-batch: the experience and stats of each robeing, and what they are counted from
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
comment on column robeing.stats.memory_experience is 'the part of the experience that was earned for this stat';
create index stats_rank on robeing.stats (experience desc, robeing_id);
alter table robeing.stats enable row level security, force row level security;
create policy scope on robeing.stats
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- Tasks that have ended.
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
comment on column robeing.task.key is 'digest of the sender''s idempotency key; the id of the row if there is none';
comment on column robeing.task.experience is 'by the values of task types when the task ended';
create index task_xid on robeing.task (xid);
alter table robeing.task enable row level security, force row level security;
create policy scope on robeing.task
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- What each robeing did per hour. Hours are in UTC, so that they add up to the days of any time zone. For a month
-- that has left the log, these rows are all there is.
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
comment on column robeing.growth.in_threads is 'conversations, by where they took place';
comment on column robeing.growth.memory_experience is 'earned by tasks; in addition, each conversation earns 1 for the stat of its place';
alter table robeing.growth enable row level security, force row level security;
create policy scope on robeing.growth
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- See shared/watermark. It covers both the log and the tasks.
create table robeing.watermark (
    name varchar(32) primary key,
    xid xid8 not null default '0',
    after_id uuid not null default '00000000-0000-0000-0000-000000000000',
    cluster bigint not null,
    as_of timestamptz not null default now(),
    next_xid xid8 not null default '0',
    next_at timestamptz not null default now()
);
comment on column robeing.watermark.xid is 'all transactions before this one are counted';
comment on column robeing.watermark.after_id is 'always nil: a transaction is counted as a whole';
comment on column robeing.watermark.as_of is 'everything committed by this time is counted';
comment on column robeing.watermark.next_xid is 'once the horizon reaches this transaction, all transactions that had begun at next_at have ended';
insert into robeing.watermark (name, cluster)
select 'stats-batch', system_identifier from pg_control_system();

-- Conversations whose rows were deleted from the log or erased. Their counts stay: erasing a person doesn't reduce
-- what a robeing has done.
create table robeing.removed (
    robeing_id varchar(100) not null,
    hour timestamptz not null,
    in_threads bigint not null,
    direct bigint not null,
    in_channels bigint not null,
    was_counted boolean not null,
    xid xid8 not null default pg_current_xact_id()
);
comment on column robeing.removed.was_counted is 'if false, the next roll-up counts it';
create index removed_xid on robeing.removed (xid);
create index removed_robeing on robeing.removed (robeing_id);
alter table robeing.removed enable row level security, force row level security;
create policy scope on robeing.removed
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- What transactions of a range added to the log and to tasks, by robeing and hour; two rows may have the same
-- robeing and hour. It is a function because a statement that writes runs on one core, while a query whose rows a
-- function returns may run on several, and roll-ups spend most of their time here.
create function robeing.hourly_counts(from_xid xid8, below_xid xid8)
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
        from conversation.committed(from_xid, below_xid)
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
        where xid >= from_xid and xid < below_xid
        group by 1, 2;
end $$;

-- Locks the watermark until the commit, so that no roll-up reads the rows meanwhile, or misses them.
create function robeing.record_deleted() returns trigger
language plpgsql as $$
declare
    counted_below xid8;
begin
    if not exists (select from deleted) then
        return null;
    end if;
    select xid into counted_below from robeing.watermark where watermark.name = 'stats-batch' for share;
    insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
    select robeing_id, date_bin('1 hour', created_at, 'epoch'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'thread'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'direct'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'channel'),
           xid < counted_below
    from deleted
    where reply_to is null and content <> '00000000-0000-0000-0000-000000000000'
    group by 1, 2, xid < counted_below;
    return null;
end $$;
create trigger record_deleted after delete on conversation.log
referencing old table as deleted
for each statement execute function robeing.record_deleted();

create function robeing.record_erased() returns trigger
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
    select before.robeing_id, date_bin('1 hour', before.created_at, 'epoch'),
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
create trigger record_erased after update on conversation.log
referencing old table as before new table as after
for each statement execute function robeing.record_erased();
