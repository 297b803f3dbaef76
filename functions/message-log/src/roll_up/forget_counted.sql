-- Takes messages out of what they are counted as. A count that nobody else is part of goes.
with gone as materialized (
    delete from conversation.counted
    where id = any ($1)
    returning robeing_id, day, intent, confidence, question
),
gone_question as (
    select question as key, count(*) as asked
    from gone
    where question is not null
    group by question
),
asked_less as (
    update conversation.question as known
    set asked = known.asked - gone_question.asked
    from gone_question
    where known.key = gone_question.key and known.asked > gone_question.asked
    returning known.key
),
asked_no_more as (
    delete from conversation.question as known
    using gone_question
    where known.key = gone_question.key and known.asked <= gone_question.asked
    returning known.key
),
gone_intent as (
    select robeing_id, day, intent, count(*) as messages,
           coalesce(sum(confidence), 0) as confidence_sum, count(confidence) as confidence_count
    from gone
    where intent is not null
    group by robeing_id, day, intent
),
meant_less as (
    update conversation.intent as known
    set messages = known.messages - gone_intent.messages,
        confidence_sum = known.confidence_sum - gone_intent.confidence_sum,
        confidence_count = known.confidence_count - gone_intent.confidence_count
    from gone_intent
    where (known.robeing_id, known.day, known.intent) = (gone_intent.robeing_id, gone_intent.day, gone_intent.intent)
      and known.messages > gone_intent.messages
    returning known.day
),
meant_no_more as (
    delete from conversation.intent as known
    using gone_intent
    where (known.robeing_id, known.day, known.intent) = (gone_intent.robeing_id, gone_intent.day, gone_intent.intent)
      and known.messages <= gone_intent.messages
    returning known.day
)
select (select count(*) from asked_less) + (select count(*) from asked_no_more) as questions,
       (select count(*) from meant_less) + (select count(*) from meant_no_more) as intents
