-- stats-batch: a message gets its place without waiting for a roll-up, and bulk changes of the log take linear time

-- What later events said about the place of messages, as differences between the present places and those before. A
-- roll-up deletes the rows of the messages that it counts, since it reads their present places in the same snapshot. The
-- rows that are left say where counted messages were not counted.
create table robeing.moved (
    robeing_id varchar(100) not null,
    hour timestamptz not null,
    in_threads bigint not null,
    direct bigint not null,
    in_channels bigint not null,
    row_xid xid8 not null
);
comment on column robeing.moved.hour is 'the start of a quarter hour';
comment on column robeing.moved.row_xid is 'the transaction of the messages';
create index moved_row_xid on robeing.moved (row_xid);
create index moved_robeing on robeing.moved (robeing_id);
alter table robeing.moved enable row level security, force row level security;
create policy scope on robeing.moved
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

comment on table robeing.removed is 'conversations that were deleted from the log or erased, and places that an earlier release recorded';

-- Erasing a conversation, and adding to a message where it was said or what it answers, changes no count. An erasure
-- locks the watermark until the commit, so that no roll-up reads the rows meanwhile, or misses them.
--
-- A cached plan may be that of a statement which changed one row: nested loops over 20,000 rows would take a minute.
create or replace function robeing.record_erased() returns trigger
language plpgsql set enable_nestloop = off as $$
declare
    counted_below xid8;
begin
    with placed as (
        select before.robeing_id, date_bin('15 minutes', before.created_at, 'epoch') as hour, after.xid,
               case when before.reply_to is null
                    then conversation.place(before.thread_ts, before.channel_id, before.channel_type) end as earlier,
               case when after.reply_to is null
                    then conversation.place(after.thread_ts, after.channel_id, after.channel_type) end as present
        from before
        join after using (id)
        where before.content <> '00000000-0000-0000-0000-000000000000'
          and after.content <> '00000000-0000-0000-0000-000000000000'
    )
    insert into robeing.moved (robeing_id, hour, in_threads, direct, in_channels, row_xid)
    select robeing_id, hour,
           count(*) filter (where present = 'thread') - count(*) filter (where earlier = 'thread'),
           count(*) filter (where present = 'direct') - count(*) filter (where earlier = 'direct'),
           count(*) filter (where present = 'channel') - count(*) filter (where earlier = 'channel'),
           xid
    from placed
    where earlier is distinct from present
    group by 1, 2, xid;
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
