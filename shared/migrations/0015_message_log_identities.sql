-- message-log: which ids of people in Slack may be joined, and the earlier places of a message

-- A release up to 0.1.0 may still insert rows. They have no value, like those of this release, so nothing is joined
-- by them.
alter table conversation.slack_user add column earlier_below xid8;
update conversation.slack_user set earlier_below = pg_current_xact_id() where not is_own;
comment on column conversation.slack_user.earlier_below is 'not null if a release up to 0.1.0 stored the row, by the workspace of the event, whosever the id was: the messages of transactions before this one show which robeings knew the person';

create or replace function conversation.adopt_cluster() returns void
language plpgsql as $$
declare
    current_cluster bigint := (select system_identifier from pg_control_system());
    known_cluster bigint;
    month date;
begin
    select system_identifier into known_cluster from conversation.cluster for update;
    if known_cluster = current_cluster then
        return;
    end if;
    for month in select * from conversation.months() loop
        update conversation.log
        set xid = '3'
        where id >= conversation.first_id(month) and id < conversation.first_id((month + interval '1 month')::date);
    end loop;
    update conversation.edited set xid = '3';
    -- The restored messages, and none that is stored later.
    update conversation.slack_user set earlier_below = '4' where earlier_below is not null;
    update conversation.cluster set system_identifier = current_cluster;
end $$;

-- The place and the person of a message may become known after its placeholders were numbered and its conversation
-- was counted. An erasure removes what is kept under these digests as well.
alter table conversation.log
    add column earlier_placeholders uuid[],
    add column earlier_threads uuid[];
comment on column conversation.log.earlier_placeholders is 'further keys of conversation.placeholder under which placeholders of the message were numbered';
comment on column conversation.log.earlier_threads is 'further keys of conversation.thread, made of the speaker, under which the message may be counted';
