-- message-log: who said what a message answers, and which restored messages show that a robeing knew a person

alter table conversation.log add column is_reply_named boolean;
comment on column conversation.log.is_reply_named is 'whether the sender named reply_to, so that no other sender may name another message; null if the row answers nothing, or an earlier release stored it';

-- Restored messages get the id of one of two past transactions: '4' if they were stored after the upgrade.
create or replace function conversation.adopt_cluster() returns void
language plpgsql as $$
declare
    current_cluster bigint := (select system_identifier from pg_control_system());
    upgraded xid8 := (select min(earlier_below::text::int8)::text::xid8 from conversation.slack_user);
    known_cluster bigint;
    month date;
begin
    select system_identifier into known_cluster from conversation.cluster for update;
    if known_cluster = current_cluster then
        return;
    end if;
    for month in select * from conversation.months() loop
        update conversation.log
        set xid = case when xid >= upgraded then '4'::xid8 else '3' end
        where id >= conversation.first_id(month) and id < conversation.first_id((month + interval '1 month')::date);
    end loop;
    update conversation.edited set xid = '3';
    update conversation.slack_user set earlier_below = '4' where earlier_below is not null;
    update conversation.cluster set system_identifier = current_cluster;
end $$;
