-- message-log: events that could not be stored
create table conversation.dead_letter (
    id uuid primary key,
    key uuid not null unique,
    source varchar(16) not null,
    source_event_id varchar(512) not null,
    is_exact boolean not null default true,
    event_time timestamptz,
    event_order bigint,
    sent_at timestamptz,
    robeing_id varchar(100),
    reason text not null,
    body jsonb,
    attempts integer not null default 1,
    created_at timestamptz not null default now(),
    last_attempt_at timestamptz not null default now(),
    replayed_at timestamptz,
    message_id uuid,
    erased_at timestamptz
);
create index dead_letter_message on conversation.dead_letter (message_id) where message_id is not null;
alter table conversation.dead_letter enable row level security, force row level security;
create policy scope on conversation.dead_letter
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

comment on column conversation.dead_letter.key is 'digest of robeing or sender, source and event id: a redelivery is another attempt and not another row, and no event replaces another one''s';
comment on column conversation.dead_letter.is_exact is 'whether source_event_id is the id of the event, neither masked nor cut';
comment on column conversation.dead_letter.event_time is 'the time that belongs to the event id, if it has one';
comment on column conversation.dead_letter.event_order is 'the place of the event among those of the same time, if its queue numbers them';
comment on column conversation.dead_letter.sent_at is 'when the event was sent, for a message without a time of its own';
comment on column conversation.dead_letter.body is 'the masked body; null if masking failed or the body was too large';
comment on column conversation.dead_letter.message_id is 'the message that the event became later';
comment on column conversation.dead_letter.erased_at is 'the row is empty but for its key, so that a redelivery of the same event is not stored again';
