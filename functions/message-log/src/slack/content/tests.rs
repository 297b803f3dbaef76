use proptest::prelude::*;
use serde_json::json;

use super::*;

fn of_blocks(blocks: &Value) -> String {
    content(&json!({"blocks": blocks})).unwrap()
}

#[test]
fn every_kind_of_block_is_read() {
    let words = |text: &str| json!({"type": "plain_text", "text": text});
    for (block, text) in [
        (
            json!({"type": "header", "text": words("A &amp; B")}),
            "A & B",
        ),
        (
            json!({"type": "section", "text": {"type": "mrkdwn", "text": "hello <@U1|mina>"},
                   "fields": [words("one"), words("two")],
                   "accessory": {"type": "button", "text": words("Open"), "value": "v", "url": "https://x.example"}}),
            "hello <@U1>\none\ntwo\nOpen",
        ),
        (
            json!({"type": "context", "elements": [{"type": "image", "alt_text": "a cat", "image_url": "https://x.example"},
                   {"type": "mrkdwn", "text": "by <!here>"}]}),
            "a cat\nby <!here>",
        ),
        (
            json!({"type": "image", "title": words("a plan"), "alt_text": "a plan", "image_url": "https://x.example"}),
            "a plan",
        ),
        (
            json!({"type": "actions", "elements": [{"type": "button", "text": words("Approve"), "action_id": "a"},
                   {"type": "static_select", "placeholder": words("Choose"), "options": [{"text": words("red"), "value": "r"}]}]}),
            "Approve\nChoose\nred",
        ),
        (
            json!({"type": "input", "label": words("Name"), "hint": words("as in the contract"),
                   "element": {"type": "plain_text_input", "initial_value": "Kim"}}),
            "Name\nKim\nas in the contract",
        ),
        (
            json!({"type": "video", "title": words("Tour"), "description": words("Our office"), "alt_text": "a video",
                   "video_url": "https://x.example"}),
            "Tour\nOur office\na video",
        ),
        (
            json!({"type": "markdown", "text": "# <b> &lt;"}),
            "# <b> &lt;",
        ),
        (
            json!({"type": "table", "rows": [
                [{"type": "raw_text", "text": "city"}, {"type": "raw_text", "text": "sum"}],
                [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                    {"type": "text", "text": "Se"}, {"type": "text", "text": "oul", "style": {"bold": true}}]}]},
                 {"type": "raw_text", "text": "5"}]]}),
            "city | sum\nSeoul | 5",
        ),
        (
            json!({"type": "card_of_tomorrow", "title": words("A card"), "body": {"type": "mrkdwn", "text": "its body"}}),
            "A card\nits body",
        ),
    ] {
        assert_eq!(of_blocks(&json!([block])), text, "{block}");
    }
}

#[test]
fn rich_text_is_read_line_by_line_and_each_line_without_breaks() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let section = |elements: Value| json!({"type": "rich_text_section", "elements": elements});
    let blocks = json!([{"type": "rich_text", "elements": [
        section(json!([text("a <b> "), {"type": "channel", "channel_id": "C1"}, text(" "),
            {"type": "usergroup", "usergroup_id": "S1"}, {"type": "broadcast", "range": "here"},
            {"type": "color", "value": "#F405B3"}, {"type": "emoji", "name": "wave", "skin_tone": 2},
            {"type": "date", "timestamp": 1_720_710_212, "format": "{date_num}", "fallback": "July 11"},
            {"type": "link", "url": "https://example.com", "text": "site"},
            {"type": "of_tomorrow", "text": "!"}, text("\n")])),
        {"type": "rich_text_list", "style": "ordered", "offset": 1, "elements": [section(json!([text("two")])), section(json!([text("three")]))]},
        {"type": "rich_text_list", "style": "bullet", "indent": u64::MAX, "elements": [section(json!([text("deep")]))]},
        {"type": "rich_text_quote", "elements": [text("quo"), text("ted")]},
        {"type": "rich_text_preformatted", "elements": [text("let x;\nlet y;")]},
    ]}]);
    let lines = [
        "a <b> <#C1> <!subteam^S1><!here>#F405B3:wave::skin-tone-2:July 11site (https://example.com)!",
        "2. two",
        "3. three",
        "                • deep",
        "quoted",
        "let x;",
        "let y;",
    ];
    assert_eq!(of_blocks(&blocks), lines.join("\n"));
}

#[test]
fn an_attachment_is_read_in_the_order_in_which_it_is_shown() {
    let shared = json!({"is_share": true, "text": "*as* text", "fallback": "[no preview]", "footer": "Posted in #general",
        "message_blocks": [{"team": "T1", "message": {"blocks": [{"type": "rich_text", "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "as"}, {"type": "text", "text": " text"}]}]}]}}]});
    let report = json!({"pretext": "New report", "title": "Sales", "title_link": "https://x.example/1", "text": "up &gt; 5%",
        "fields": [{"title": "Region", "value": "<@U1>", "short": true}, {"value": "alone"}],
        "actions": [{"type": "button", "text": "Open"}], "footer": "by Reporter", "fallback": "Sales up",
        "image_url": "https://x.example/2"});
    let preview = json!({"from_url": "https://x.example", "title": "A page"});
    for (message, text) in [
        (
            json!({"text": "look", "attachments": [shared, preview]}),
            "look\nas text",
        ),
        (
            json!({"attachments": [report]}),
            "New report\nSales (https://x.example/1)\nup > 5%\nRegion: <@U1>\nalone\nOpen\nby Reporter",
        ),
        (
            json!({"attachments": [{"fallback": "only this"}]}),
            "only this",
        ),
        (json!({"attachments": [preview]}), "A page"),
        (
            json!({"attachments": [{"image_url": "https://x.example"}]}),
            "[attachment]",
        ),
        (
            json!({"blocks": [{"type": "divider"}, {"type": "call"}]}),
            "[blocks: divider, call]",
        ),
        (
            json!({"text": "Sales", "attachments": [{"title": "Sales", "text": "up"}]}),
            "Sales\nup",
        ),
        (json!({"text": " "}), ""),
    ] {
        assert_eq!(content(&message).unwrap().trim(), text, "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_text_is_whole_however_it_is_styled(parts in prop::collection::vec("[a-zA-Z0-9<&*_ ]{1,8}", 1..8)) {
        let elements = parts.iter().map(|part| json!({"type": "text", "text": part}));
        let section = json!({"type": "rich_text_section", "elements": elements.collect::<Vec<_>>()});
        let message = json!({"blocks": [{"type": "rich_text", "elements": [section]}]});
        let whole = parts.concat();
        let expected = if whole.trim().is_empty() { "[blocks: rich_text]" } else { &whole };
        prop_assert_eq!(content(&message).unwrap(), expected);
    }
}
