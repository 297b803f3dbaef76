//! A document restricted to a scope, and its encodings.

use std::io::Write as _;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use platform::auth::{Auth, Names};
use schema::document::{Document, Table};
use schema::name::DATASETS;
use schema::versions::{self, Damaged};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::context::Index;
use crate::datasets;

/// The memory of the views that are kept ready, in bytes; the least used one makes room. It holds 14
/// views of almost all of 1,100 tables, or hundreds of small ones.
const SCOPES_BYTES: u32 = 256 << 20;
/// The measured memory of a view (document, bytes, encodings, index) per byte of its JSON.
const BYTES_A_BYTE: u32 = 6;
/// How many scopes' last views are known.
const LAST_VIEWS: u64 = 10_000;
/// Unused views are dropped after this time, such as those of an older version.
const IDLE: Duration = Duration::from_secs(600);

/// An encoding of a body. If a caller accepts several equally, the first is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Zstd,
    Gzip,
    Identity,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// Encodes with `effort` 0 for bytes that are sent once, or 1 for those that are sent often.
    pub fn encode(self, bytes: &[u8], effort: usize) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(bytes.to_vec()),
            Self::Zstd => zstd::encode_all(bytes, [3, 9][effort]),
            Self::Gzip => {
                let level = flate2::Compression::new([4, 7][effort]);
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
        }
    }
}

pub struct View {
    pub document: Arc<Document>,
    /// Positions in `document.tables`, in the order of names.
    by_name: Vec<usize>,
    /// The whole document; clones share the bytes.
    body: Bytes,
    /// The hash of the body, in hex.
    digest: String,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
    index: OnceCell<Arc<Index>>,
}

impl View {
    /// Parses a stored document, and checks its hash.
    pub fn parse(body: Bytes) -> Result<Self, Damaged> {
        let document = versions::parse(&body)?;
        Ok(Self::with_body(document, body))
    }

    pub fn new(document: Document) -> Self {
        let body = serde_json::to_vec(&document).expect("a document serializes to JSON");
        Self::with_body(document, Bytes::from(body))
    }

    fn with_body(document: Document, body: Bytes) -> Self {
        let tables = &document.tables;
        let mut by_name: Vec<usize> = (0..tables.len()).collect();
        by_name.sort_by(|a, b| tables[*a].name.cmp(&tables[*b].name));
        Self {
            by_name,
            digest: digest(&body),
            body,
            document: Arc::new(document),
            gzip: OnceCell::new(),
            zstd: OnceCell::new(),
            index: OnceCell::new(),
        }
    }

    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// A tag of exactly these bytes, before they are encoded. The version alone would not do, because it
    /// excludes times and the ledger.
    pub fn tag(&self) -> String {
        format!("{}-{}", self.document.version, self.digest)
    }

    /// The whole document in one encoding, computed on first use.
    pub async fn encoded(&self, encoding: Encoding) -> anyhow::Result<Bytes> {
        let made = match encoding {
            Encoding::Identity => return Ok(self.body()),
            Encoding::Gzip => &self.gzip,
            Encoding::Zstd => &self.zstd,
        };
        let make = async || {
            let body = self.body();
            let made = tokio::task::spawn_blocking(move || encoding.encode(&body, 1)).await?;
            made.map(Bytes::from)
                .context("a body could not be compressed")
        };
        made.get_or_try_init(make).await.cloned()
    }

    /// The index for questions, built on first use.
    pub async fn index(&self) -> anyhow::Result<Arc<Index>> {
        let make = async || {
            let document = Arc::clone(&self.document);
            let made = tokio::task::spawn_blocking(move || Index::build(document)).await;
            made.map(Arc::new).context("the index could not be built")
        };
        self.index.get_or_try_init(make).await.cloned()
    }

    /// The tables after the name `after`, in the order of names.
    pub fn tables_after(&self, after: &str) -> impl Iterator<Item = &Table> {
        let tables = &self.document.tables;
        let start = self
            .by_name
            .partition_point(|position| tables[*position].name.as_str() <= after);
        self.by_name[start..]
            .iter()
            .map(|position| &tables[*position])
    }

    pub fn table(&self, name: &str) -> Option<&Table> {
        let tables = &self.document.tables;
        let found = self
            .by_name
            .binary_search_by(|position| tables[*position].name.as_str().cmp(name));
        found.ok().map(|at| &tables[self.by_name[at]])
    }
}

pub fn digest(bytes: &[u8]) -> String {
    let mut digest = hex::encode(Sha256::digest(bytes));
    digest.truncate(16);
    digest
}

/// The views of restricted scopes, built once per version.
#[derive(Clone)]
pub struct Views {
    /// By the tag of the whole document and the digest of the scope.
    ready: Cache<(String, Scope), Arc<View>>,
    /// The last view of each scope. A change that it does not show keeps it, with its encodings and its
    /// index: a reader must not notice the change by a slower response either.
    last: Cache<Scope, Weak<View>>,
    /// The service tokens, whose scopes are compared with the document by themselves.
    auth: Option<Auth>,
}

/// The digest of a scope's names.
type Scope = [u8; 32];

impl Default for Views {
    fn default() -> Self {
        Self::of_bytes(SCOPES_BYTES, None)
    }
}

impl Views {
    pub fn new(auth: Option<Auth>) -> Self {
        Self::of_bytes(SCOPES_BYTES, auth)
    }

    fn of_bytes(capacity: u32, auth: Option<Auth>) -> Self {
        let weight = move |_: &(String, Scope), view: &Arc<View>| {
            let bytes = u32::try_from(view.body.len()).unwrap_or(u32::MAX);
            // A view that is larger than everything else together is still kept, alone.
            bytes.saturating_mul(BYTES_A_BYTE).min(capacity)
        };
        let ready = Cache::builder()
            .weigher(weight)
            .max_capacity(capacity.into())
            // The default policy admits no large view next to small ones that are read more often.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(IDLE);
        Self {
            ready: ready.build(),
            last: Cache::builder()
                .max_capacity(LAST_VIEWS)
                .time_to_idle(IDLE)
                .build(),
            auth,
        }
    }

    pub async fn of(&self, whole: &Arc<View>, datasets: &Names) -> anyhow::Result<Arc<View>> {
        let Names::Only(only) = datasets else {
            return Ok(Arc::clone(whole));
        };
        let key = (whole.tag(), only.digest());
        if let Some(view) = self.ready.get(&key) {
            return Ok(view);
        }
        let (views, whole, datasets) = (self.clone(), Arc::clone(whole), datasets.clone());
        let make = move || {
            let scope = key.1;
            let make = || views.make(&whole.document, &datasets, scope);
            views.ready.get_with(key, make)
        };
        Ok(tokio::task::spawn_blocking(make).await?)
    }

    /// What to tell the operator about the scope of a caller without a service token.
    fn unmatched(&self, whole: &Document, datasets: &Names) -> Vec<String> {
        let mut tokens = self.auth.iter().flat_map(Auth::token_callers);
        match datasets {
            Names::Only(_) if tokens.any(|it| it.scope.of(DATASETS) == datasets) => Vec::new(),
            Names::Only(only) => datasets::unmatched(only, whole),
            Names::All => Vec::new(),
        }
    }

    fn make(&self, whole: &Document, datasets: &Names, scope: Scope) -> Arc<View> {
        for told in self.unmatched(whole, datasets) {
            tracing::warn!("a name in the scope of a caller has no effect: {told}");
        }
        let view = View::new(schema::within(whole, datasets));
        let last = self.last.get(&scope).and_then(|last| last.upgrade());
        if let Some(last) = last.filter(|last| last.body == view.body) {
            return last;
        }
        let view = Arc::new(view);
        self.last.insert(scope, Arc::downgrade(&view));
        view
    }
}

#[cfg(test)]
mod tests {
    use schema::document::TableKind;

    use super::*;
    use crate::builtin;

    #[tokio::test]
    async fn the_views_of_many_scopes_are_kept_ready() {
        let mut document = builtin::document(None);
        document.tables = (0..100)
            .map(|n| Table::new(["p", &format!("d{n}"), "orders"], TableKind::Table))
            .collect();
        let whole = Arc::new(View::new(document));
        let views = Views::default();
        let scope = |n: usize| Names::only([format!("p.d{n}")]);
        let mut made = Vec::new();
        for n in 0..100 {
            made.push(views.of(&whole, &scope(n)).await.unwrap());
        }
        for (n, view) in made.iter().enumerate() {
            let again = views.of(&whole, &scope(n)).await.unwrap();
            assert!(
                Arc::ptr_eq(view, &again),
                "the view of scope {n} was built again"
            );
        }
    }

    fn document(tables: &[&str]) -> Document {
        let mut document = builtin::document(None);
        let tables = tables.iter();
        document.tables = tables
            .map(|dataset| Table::new(["p", dataset, "orders"], TableKind::Table))
            .collect();
        document
    }

    #[tokio::test]
    async fn a_view_larger_than_the_memory_for_views_is_kept_alone() {
        let whole = Arc::new(View::new(document(&["shop", "hr"])));
        let views = Views::of_bytes(10, None);
        let of = async |dataset: &str| {
            let scope = Names::only([format!("p.{dataset}")]);
            let view = views.of(&whole, &scope).await.unwrap();
            views.ready.run_pending_tasks();
            view
        };
        let (first, again) = (of("shop").await, of("shop").await);
        assert!(Arc::ptr_eq(&first, &again));
        let (other, again) = (of("hr").await, of("hr").await);
        assert!(Arc::ptr_eq(&other, &again));
        assert_eq!(views.ready.entry_count(), 1);
    }

    #[test]
    fn a_scope_of_a_service_token_that_matches_nothing_is_reported_as_one_of_a_token_only() {
        let scope = serde_json::json!({"datasets": ["p.shop"], "robeings": [], "sessions": []});
        let sha256 = "0".repeat(64);
        let token =
            serde_json::json!({"name": "a", "role": "reader", "scope": scope, "sha256": sha256});
        let env =
            platform::Env::default().with("AUTH_TOKENS", serde_json::json!([token]).to_string());
        let auth = platform::Resources::new(env).auth().unwrap();
        let views = Views::new(Some(auth));
        let whole = document(&["hr"]);
        assert_eq!(views.unmatched(&whole, &Names::only(["p.shop"])), [""; 0]);
        assert_eq!(views.unmatched(&whole, &Names::only(["p.web"])).len(), 1);
    }

    #[tokio::test]
    async fn a_view_that_does_not_show_a_change_stays_with_its_encodings() {
        let views = Views::default();
        let scope = Names::only(["p.shop"]);
        let mut two = document(&["shop", "hr"]);
        let one = Arc::new(View::new(two.clone()));
        two.tables[1].description = Some("who works here".to_owned());
        let hidden = Arc::new(View::new(two.clone()));
        two.tables[0].description = Some("what is sold".to_owned());
        let shown = Arc::new(View::new(two));
        assert_ne!(one.tag(), hidden.tag());
        let first = views.of(&one, &scope).await.unwrap();
        let second = views.of(&hidden, &scope).await.unwrap();
        let third = views.of(&shown, &scope).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&second, &third));
    }
}
