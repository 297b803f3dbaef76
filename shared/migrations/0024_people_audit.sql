-- people: the audit log, and the chain that shows whether it was changed

create table people.audit (
    id uuid primary key,
    at timestamptz not null default clock_timestamp() check (isfinite(at)),
    action text not null,
    subject_kind text not null,
    subject text not null,
    detail jsonb not null,
    actor_kind text not null check (actor_kind in ('person', 'token', 'trigger', 'command')),
    personal jsonb,
    salt bytea,
    personal_digest bytea not null check (octet_length(personal_digest) = 32),
    request_id text,
    constraint personal_is_salted check ((personal is null) = (salt is null))
);
comment on column people.audit.personal is 'who did it, and from which address; null once the person is erased, or after 400 days';
comment on column people.audit.personal_digest is 'the SHA-256 of the salt and of personal, which is part of the chain and says nothing without the salt';
create index audit_by_time on people.audit (at, id);
create index audit_by_subject on people.audit (subject, at, id);
create index audit_by_actor on people.audit ((personal ->> 'actor'), at, id) where personal is not null;
create index audit_by_age on people.audit (at) where personal is not null and actor_kind in ('person', 'token');

-- The chain. Each digest is one of the digest before it and of the row.
create table people.audit_link (
    seq bigint primary key check (seq > 0),
    audit_id uuid not null unique,
    digest bytea not null check (octet_length(digest) = 32)
);

-- The rows that are not in the chain yet. A row enters it in the order of its commit, so that it needs no number
-- from the transaction that inserts it, and no transaction waits for another one.
create table people.audit_pending (
    audit_id uuid primary key
);

-- The end of the chain. Whoever extends the chain locks it.
create table people.audit_head (
    is_only boolean primary key default true check (is_only),
    seq bigint not null default 0,
    digest bytea not null default decode(repeat('00', 32), 'hex'),
    anchored_seq bigint not null default 0
);
insert into people.audit_head default values;
