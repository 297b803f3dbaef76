//! Opens the envelopes around a message, which may be nested: CloudEvents, EventBridge events, SNS
//! notifications and Pub/Sub pushes.
//!
//! The result is the message and the name of the event. The name is the publisher's attribute,
//! otherwise the `source` and `id` of a CloudEvent, otherwise the message's own `id`, otherwise the
//! id in the innermost envelope. Each name carries the scope in which it is unique.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use platform::extract::json::reason;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::ids::Key;

/// The most nested envelopes that are opened.
const MAX_DEPTH: usize = 8;

/// The content of an envelope.
pub(super) struct Opened {
    pub(super) name: Name,
    pub(super) sent_at: Option<Timestamp>,
    /// The message, as far as it can be read; none if there is nothing to store.
    pub(super) body: Option<Value>,
    /// The reason why there is no message, if the envelope shows that.
    pub(super) rejection: Option<String>,
}

pub(super) enum Name {
    None,
    /// The message's own id, unique within whatever delivered it.
    Own(String),
    /// A key that is unique within this source.
    Full(&'static str, Key),
}

impl Name {
    /// Scopes a message's own id to `source`.
    pub(super) fn within(self, source: &'static str) -> Self {
        match self {
            Self::Own(id) => Self::Full(source, Key::of_publisher(&id)),
            name => name,
        }
    }

    pub(super) fn or(self, source: &'static str, key: impl FnOnce() -> Option<Key>) -> Self {
        match self {
            Self::None => key().map_or(Self::None, |key| Self::Full(source, key)),
            name => name,
        }
    }
}

impl Opened {
    pub(super) fn empty(reason: &str) -> Self {
        Self {
            name: Name::None,
            sent_at: None,
            body: None,
            rejection: Some(reason.to_owned()),
        }
    }

    pub(super) fn rejected(body: Value, reason: impl Into<String>) -> Self {
        Self {
            name: Name::None,
            sent_at: None,
            body: Some(body),
            rejection: Some(reason.into()),
        }
    }

    /// Adds what the transport `source` knows: the publisher's attributes, which take precedence as the name, the time
    /// of sending, and `key`, which is the name if there is no other.
    pub(super) fn delivered_by<'a>(
        mut self,
        source: &'static str,
        attributes: impl Iterator<Item = (&'a str, Cow<'a, str>)>,
        sent_at: Option<Timestamp>,
        key: impl FnOnce() -> Option<Key>,
    ) -> Self {
        self.sent_at = self.sent_at.or(sent_at);
        self.name = match name_in(source, attributes) {
            Name::None => self.name.within(source).or(source, key),
            name => name,
        };
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Envelope {
    CloudEvent,
    EventBridge,
    Sns,
    PubSub,
}

impl Envelope {
    /// A plain message has none of these fields, and no such object in `message`.
    pub(super) fn of(event: &Map<String, Value>) -> Option<Self> {
        let has = |name: &str| event.contains_key(name);
        let is_pushed = |message: &Value| {
            let names = ["data", "messageId", "message_id"];
            message.get("parts").is_none() && names.iter().any(|it| message.get(it).is_some())
        };
        if has("specversion") {
            Some(Self::CloudEvent)
        } else if has("detail-type") || has("detail") {
            Some(Self::EventBridge)
        } else if has("Message") || has("SubscribeURL") {
            Some(Self::Sns)
        } else if has("subscription") || event.get("message").is_some_and(is_pushed) {
            Some(Self::PubSub)
        } else {
            None
        }
    }

    pub(super) fn source(self) -> &'static str {
        match self {
            Self::CloudEvent => "cloudevents",
            Self::EventBridge => "eventbridge",
            Self::Sns => "sns",
            Self::PubSub => "pubsub",
        }
    }
}

/// Opens all envelopes around a message.
pub(super) fn open(value: Value) -> Opened {
    opened(value, MAX_DEPTH)
}

pub(super) fn open_text(text: &str) -> Opened {
    text_opened(text, MAX_DEPTH)
}

/// Opens JSON in base64.
pub(super) fn open_base64(data: &str) -> Opened {
    base64_opened(data, MAX_DEPTH)
}

fn opened(value: Value, left: usize) -> Opened {
    let event = match value {
        Value::Object(event) => event,
        // Some senders encode JSON twice.
        Value::String(text) if left > 0 => return text_opened(&text, left - 1),
        value => return Opened::rejected(value, "the body is not a JSON object"),
    };
    let Some(envelope) = Envelope::of(&event) else {
        return Opened {
            name: id(event.get("id")).map_or(Name::None, |id| Name::Own(id.into_owned())),
            sent_at: None,
            body: Some(Value::Object(event)),
            rejection: None,
        };
    };
    let Some(left) = left.checked_sub(1) else {
        let reason = format!("the event is in more than {MAX_DEPTH} envelopes");
        return Opened::rejected(Value::Object(event), reason);
    };
    match envelope {
        Envelope::CloudEvent => cloud_event(event, left),
        Envelope::EventBridge => event_bridge(event, left),
        Envelope::Sns => notification(&event, left),
        Envelope::PubSub => push(&event, left),
    }
}

fn text_opened(text: &str, left: usize) -> Opened {
    match serde_json::from_str(text) {
        Ok(value) => opened(value, left),
        // The error text names line and column and quotes nothing.
        Err(error) => {
            let decoded = decoded(text).and_then(|text| serde_json::from_str(&text).ok());
            match decoded {
                Some(value @ Value::Object(_)) => opened(value, left),
                _ => Opened::rejected(text.into(), not_parsed(&error)),
            }
        }
    }
}

/// Why a text is not read. It quotes nothing of it.
pub(super) fn not_parsed(error: &serde_json::Error) -> String {
    match reason(error) {
        reason if reason.starts_with("nested") => format!("the body is {reason}"),
        reason => format!("the body is not JSON: {reason}"),
    }
}

fn base64_opened(data: &str, left: usize) -> Opened {
    match decoded(data) {
        Some(text) => text_opened(&text, left),
        None => Opened::rejected(data.into(), "data is not text in base64"),
    }
}

fn cloud_event(mut event: Map<String, Value>, left: usize) -> Opened {
    let data = event.remove("data").filter(|data| !data.is_null());
    let mut inner = match (data, event.get("data_base64")) {
        (Some(data), _) => opened(data, left),
        (None, Some(Value::String(data))) => base64_opened(data, left),
        (None, _) => Opened::empty("the event has no data"),
    };
    inner.sent_at = inner.sent_at.or_else(|| time(event.get("time")));
    // A nested event keeps its name when it is published again; this envelope gets a new one.
    if !matches!(inner.name, Name::Full(..))
        && let (Some(source), Some(id)) = (id(event.get("source")), id(event.get("id")))
    {
        inner.name = Name::Full("cloudevents", Key::of_parts(&[&source, &id]));
    }
    inner
}

fn event_bridge(mut event: Map<String, Value>, left: usize) -> Opened {
    let mut inner = match event.remove("detail") {
        Some(detail) => opened(detail, left),
        None => Opened::empty("the event has no detail"),
    };
    inner.sent_at = inner.sent_at.or_else(|| time(event.get("time")));
    let source = id(event.get("source")).unwrap_or_default();
    if let Name::Own(own) = &inner.name {
        let key = Key::of_parts(&[&source, "detail", own]);
        inner.name = Name::Full("eventbridge", key);
    }
    inner.name = inner.name.or("eventbridge", || {
        let id = id(event.get("id"))?;
        Some(Key::of_parts(&[&source, &id]))
    });
    inner
}

/// A notification in the form for HTTP and queues, or in the form for Lambda.
fn notification(event: &Map<String, Value>, left: usize) -> Opened {
    let kind = event.get("Type").and_then(Value::as_str);
    let inner = match (kind, event.get("Message")) {
        // Keep nothing of it: the token in it confirms the subscription.
        (Some("SubscriptionConfirmation" | "UnsubscribeConfirmation"), _) => Opened::empty(
            "subscriptions over HTTP can't be confirmed here: subscribe the function or its queue",
        ),
        (_, Some(Value::String(message))) => text_opened(message, left),
        _ => Opened::empty("the event has no Message"),
    };
    let attributes = event.get("MessageAttributes").and_then(Value::as_object);
    let attributes = attributes.into_iter().flatten();
    let attributes = attributes
        .filter_map(|(name, it)| Some((name.as_str(), it.get("Value")?.as_str()?.into())));
    let sent_at = time(event.get("Timestamp"));
    let mut opened = inner.delivered_by("sns", attributes, sent_at, || {
        let id = id(event.get("MessageId"))?;
        Some(sns_key(&id, sent_at))
    });
    let number = event.get("SequenceNumber").and_then(Value::as_str);
    opened.name = opened.name.in_order("sns", number);
    opened
}

/// SNS makes UUIDs, and always sends one with the same time. Other texts are a publisher's.
pub(super) fn sns_key(id: &str, time: Option<Timestamp>) -> Key {
    let key = Key::of_publisher(id);
    match Uuid::try_parse(id) {
        Ok(_) => key.at(time),
        Err(_) => key,
    }
}

fn push(event: &Map<String, Value>, left: usize) -> Opened {
    let subscription = id(event.get("subscription")).unwrap_or_default();
    let Some(Value::Object(message)) = event.get("message") else {
        return Opened::empty("the event has no message");
    };
    let field = |names: [&str; 2]| names.iter().find_map(|name| message.get(*name));
    let inner = match message.get("data") {
        Some(Value::String(data)) => base64_opened(data, left),
        _ => Opened::empty("the event has no data"),
    };
    let attributes = message.get("attributes").and_then(Value::as_object);
    let attributes = attributes.into_iter().flatten();
    let attributes = attributes.filter_map(|(name, it)| Some((name.as_str(), it.as_str()?.into())));
    pushed(
        inner,
        &subscription,
        id(field(["messageId", "message_id"])).as_deref(),
        time(field(["publishTime", "publish_time"])),
        attributes,
    )
}

/// A Pub/Sub push, wrapped or unwrapped.
pub(super) fn pushed<'a>(
    inner: Opened,
    subscription: &str,
    id: Option<&str>,
    published_at: Option<Timestamp>,
    attributes: impl Iterator<Item = (&'a str, Cow<'a, str>)>,
) -> Opened {
    let mut opened = inner.delivered_by("pubsub", attributes, published_at, || {
        Some(Key::of_parts(&[subscription, id?]).at(published_at))
    });
    // Messages that are published together share a time and have ascending ids.
    opened.name = opened.name.in_order("pubsub", id);
    opened
}

impl Name {
    /// Adds the number that `source` assigned, unless the key has a time from another source: a second
    /// delivery of that event may have another number.
    pub(super) fn in_order(self, source: &'static str, number: Option<&str>) -> Self {
        match self {
            Self::Full(of, key) if of == source || key.time.is_none() => {
                Self::Full(of, key.in_order(number))
            }
            name => name,
        }
    }
}

/// The name in a publisher's attributes: an id, or the `source` and `id` of a CloudEvent. Its `id`
/// alone is not a name, since another source may use the same one.
fn name_in<'a>(
    source: &'static str,
    attributes: impl Iterator<Item = (&'a str, Cow<'a, str>)>,
) -> Name {
    let attributes: Vec<_> = attributes.filter(|(_, value)| !value.is_empty()).collect();
    let find = |name: &str| {
        let found = attributes.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_ref())
    };
    if let Some(id) = ["id", "event_id", "idempotency_key"]
        .into_iter()
        .find_map(find)
    {
        return Name::Full(source, Key::of_publisher(id));
    }
    for prefix in ["ce-", "ce_", "cloudEvents:", "cloudEvents_"] {
        let part = |name: &str| find(&format!("{prefix}{name}"));
        if let (Some(source), Some(id)) = (part("source"), part("id")) {
            return Name::Full("cloudevents", Key::of_parts(&[source, id]));
        }
    }
    Name::None
}

/// An id as text. Some senders use numbers.
pub(super) fn id(value: Option<&Value>) -> Option<Cow<'_, str>> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// A time that Postgres can store.
pub(super) fn time(value: Option<&Value>) -> Option<Timestamp> {
    let time: Timestamp = value?.as_str()?.parse().ok()?;
    (time >= Timestamp::UNIX_EPOCH).then_some(time)
}

/// Text in base64 of either alphabet, padded or not.
fn decoded(data: &str) -> Option<String> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const ALPHABETS: [GeneralPurpose; 2] = [
        GeneralPurpose::new(&alphabet::STANDARD, CONFIG),
        GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG),
    ];
    let mut bytes = ALPHABETS.iter().map(|it| it.decode(data.trim()));
    String::from_utf8(bytes.find_map(Result::ok)?).ok()
}
