-- Stores the fields that an arrival added to the row of a Slack message.
with changed as (
    update conversation.log
    set channel_id = $3,
        channel_type = $4,
        thread_ts = $5,
        user_id = $6,
        slack_user_id = $7,
        reply_to = $8,
        message = $9,
        response = $10,
        parts = $11,
        intent = $12,
        confidence = $13,
        metadata = $14,
        token_count = $15,
        content = $16,
        earlier_placeholders = nullif($23, '{}'),
        earlier_threads = nullif($24, '{}'),
        is_reply_named = case when $8::uuid is not null then $25::bool end
    where id = $1 and robeing_id = $2
    returning id, robeing_id
)
-- The next roll-up updates search and patterns.
insert into conversation.edited (id, robeing_id, is_counted, messages, responses, tokens, confidence, confidences)
select id, robeing_id, true, $18, $19, $20, $21, $22 from changed where $17
