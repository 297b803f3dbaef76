-- Removes messages from the counts of intents and questions. A count that reaches zero is deleted.
with uncounted as materialized (
    delete from conversation.counted
    where id = any ($1)
    returning robeing_id, day, intent, confidence, question
),
uncounted_question as (
    select question as key, count(*) as asked
    from uncounted
    where question is not null
    group by question
),
question_reduced as (
    update conversation.question as known
    set asked = known.asked - uncounted_question.asked
    from uncounted_question
    where known.key = uncounted_question.key and known.asked > uncounted_question.asked
    returning known.key
),
question_deleted as (
    delete from conversation.question as known
    using uncounted_question
    where known.key = uncounted_question.key and known.asked <= uncounted_question.asked
    returning known.key
),
uncounted_intent as (
    select robeing_id, day, intent, count(*) as messages,
           coalesce(sum(confidence), 0) as confidence_sum, count(confidence) as confidence_count
    from uncounted
    where intent is not null
    group by robeing_id, day, intent
),
intent_reduced as (
    update conversation.intent as known
    set messages = known.messages - uncounted_intent.messages,
        confidence_sum = known.confidence_sum - uncounted_intent.confidence_sum,
        confidence_count = known.confidence_count - uncounted_intent.confidence_count
    from uncounted_intent
    where (known.robeing_id, known.day, known.intent) = (uncounted_intent.robeing_id, uncounted_intent.day, uncounted_intent.intent)
      and known.messages > uncounted_intent.messages
    returning known.day
),
intent_deleted as (
    delete from conversation.intent as known
    using uncounted_intent
    where (known.robeing_id, known.day, known.intent) = (uncounted_intent.robeing_id, uncounted_intent.day, uncounted_intent.intent)
      and known.messages <= uncounted_intent.messages
    returning known.day
)
select (select count(*) from question_reduced) + (select count(*) from question_deleted) as questions,
       (select count(*) from intent_reduced) + (select count(*) from intent_deleted) as intents
