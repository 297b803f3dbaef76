-- message-log: dead letters that an admin dismissed

alter table conversation.dead_letter
    add column dismissed_at timestamptz,
    add column dismissed_by text;
comment on column conversation.dead_letter.reason is 'why it could not be stored; of a dismissed one, the masked reason that the admin gave; of an emptied one, why it was emptied';
comment on column conversation.dead_letter.dismissed_at is 'when an admin decided that it will not be stored; a dismissal also sets erased_at, so that a redelivery does not fill it again';
comment on column conversation.dead_letter.dismissed_by is 'the name of the caller who dismissed it; an erasure removes it';
