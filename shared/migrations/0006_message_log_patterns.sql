-- message-log: how robeings are used: activity by hour, intents and questions by day

-- Hours are in UTC, so that they add up to the days of any time zone.
create table conversation.activity (
    robeing_id varchar(100) not null,
    hour timestamptz not null,
    conversations bigint not null,
    messages bigint not null,
    responses bigint not null,
    tokens bigint not null,
    confidence_sum double precision not null,
    confidence_count bigint not null,
    primary key (robeing_id, hour)
);
alter table conversation.activity enable row level security, force row level security;
create policy scope on conversation.activity
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- The conversations that are counted in `activity`, each in the hour of its first message.
create table conversation.thread (
    conversation uuid primary key,
    robeing_id varchar(100) not null,
    first_message_at timestamptz not null
);
alter table conversation.thread enable row level security, force row level security;
create policy scope on conversation.thread
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

create table conversation.intent (
    robeing_id varchar(100) not null,
    day date not null,
    intent varchar(100) not null,
    messages bigint not null,
    confidence_sum double precision not null,
    confidence_count bigint not null,
    primary key (robeing_id, day, intent)
);
alter table conversation.intent enable row level security, force row level security;
create policy scope on conversation.intent
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

create table conversation.question (
    key uuid primary key,
    robeing_id varchar(100) not null,
    day date not null,
    question text not null,
    asked bigint not null
);
comment on column conversation.question.key is 'digest of robeing, day and question';
comment on column conversation.question.asked is 'how many messages asked it';
create index question_robeing on conversation.question (robeing_id, day);
alter table conversation.question enable row level security, force row level security;
create policy scope on conversation.question
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- The intent and the question as which each message is counted, so that the counts follow the message when it is
-- edited, deleted, erased or expires.
create table conversation.counted (
    id uuid primary key,
    robeing_id varchar(100) not null,
    day date not null,
    intent varchar(100),
    confidence double precision,
    question uuid
) partition by range (id);
comment on column conversation.counted.question is 'the key of a row of question; null also if that question was not among the most frequent of its day';
create index counted_question on conversation.counted (question) where question is not null;
alter table conversation.counted enable row level security, force row level security;
create policy scope on conversation.counted
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));
