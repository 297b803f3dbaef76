-- stats-batch: a conversation whose place becomes known after it was counted stays counted where it was

comment on table robeing.removed is 'differences between the counts and the log: conversations that were deleted from it, erased, or moved to another place in it';

-- Erasing a conversation, and adding to a message where it was said or what it answers, changes no count. Locks the
-- watermark until the commit, so that no roll-up reads the rows meanwhile, or misses them.
create or replace function robeing.record_erased() returns trigger
language plpgsql as $$
declare
    counted_below xid8;
begin
    if not exists (
        select
        from before
        join after using (id)
        where before.content <> '00000000-0000-0000-0000-000000000000'
          and (after.content = '00000000-0000-0000-0000-000000000000'
               or (before.reply_to is null) <> (after.reply_to is null)
               or conversation.place(before.thread_ts, before.channel_id, before.channel_type)
                  <> conversation.place(after.thread_ts, after.channel_id, after.channel_type)))
    then
        return null;
    end if;
    select xid into counted_below from robeing.watermark where watermark.name = 'stats-batch' for share;
    insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
    select robeing_id, date_bin('15 minutes', created_at, 'epoch'),
           coalesce(sum(n) filter (where place = 'thread'), 0),
           coalesce(sum(n) filter (where place = 'direct'), 0),
           coalesce(sum(n) filter (where place = 'channel'), 0),
           was_counted
    from (
        select before.robeing_id, before.created_at, before.xid < counted_below as was_counted, 1 as n,
               conversation.place(before.thread_ts, before.channel_id, before.channel_type) as place
        from before
        join after using (id)
        where before.reply_to is null
          and before.content <> '00000000-0000-0000-0000-000000000000'
          and (after.content = '00000000-0000-0000-0000-000000000000' or before.xid < counted_below)
        union all
        -- What the log has now. What is not counted yet is counted as it is then.
        select before.robeing_id, before.created_at, true, -1,
               conversation.place(after.thread_ts, after.channel_id, after.channel_type)
        from before
        join after using (id)
        where after.reply_to is null
          and before.content <> '00000000-0000-0000-0000-000000000000'
          and after.content <> '00000000-0000-0000-0000-000000000000'
          and before.xid < counted_below
    ) as changed
    group by 1, 2, was_counted
    having sum(n) filter (where place = 'thread') <> 0
        or sum(n) filter (where place = 'direct') <> 0
        or sum(n) filter (where place = 'channel') <> 0;
    return null;
end $$;
