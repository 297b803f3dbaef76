-- message-log: what a roll-up needs: how far it has come, and which messages have changed since

-- Messages that were edited, deleted, erased or expired, until their copies are brought up to date.
create table conversation.edited (
    id uuid not null,
    robeing_id varchar(100) not null,
    xid xid8 not null default pg_current_xact_id()
);
create index edited_xid on conversation.edited (xid);
alter table conversation.edited enable row level security, force row level security;
create policy scope on conversation.edited
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- See shared/watermark.
create table conversation.watermark (
    name varchar(32) primary key,
    xid xid8 not null default '0',
    after_id uuid not null default '00000000-0000-0000-0000-000000000000',
    cluster bigint not null,
    as_of timestamptz,
    next_xid xid8 not null default '0',
    next_at timestamptz not null default now()
);
comment on column conversation.watermark.xid is 'all transactions before this one are rolled up';
comment on column conversation.watermark.after_id is 'of transaction xid, the rows with an id up to this one are rolled up';
comment on column conversation.watermark.as_of is 'everything committed by this time is rolled up';
comment on column conversation.watermark.next_xid is 'once the horizon reaches this transaction, all transactions that had begun at next_at have ended';
insert into conversation.watermark (name, cluster)
select 'message-log', system_identifier from pg_control_system();

-- The cluster whose transactions `xid` columns refer to. In another cluster they mean nothing. After a restore,
-- each roll-up calls adopt_cluster first; the first call gives all restored rows the id of a past transaction.
create table conversation.cluster (system_identifier bigint primary key);
insert into conversation.cluster select system_identifier from pg_control_system();

create function conversation.adopt_cluster() returns void
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
    update conversation.cluster set system_identifier = current_cluster;
end $$;
