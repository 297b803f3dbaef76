//! A generated document of 1,145 tables, identical in each run, with realistic names, types and descriptions
//! that compress like real text.

use jiff::Timestamp;
use schema::Dialect;
use schema::document::{
    Column, DescriptionSource, Document, Example, FORMAT, ForeignKey, How, Ledger, Mode, Origin,
    Partitioning, Source, SourceKind, Table, TableKind, Verified,
};
use schema::name::TableName;
use schema::versions::content_hash;

const TABLES: usize = 1_145;
const DATASETS: usize = 67;

const NOUNS: [&str; 48] = [
    "account",
    "address",
    "agent",
    "article",
    "batch",
    "booking",
    "campaign",
    "carrier",
    "cart",
    "channel",
    "claim",
    "contract",
    "country",
    "coupon",
    "customer",
    "delivery",
    "device",
    "employee",
    "event",
    "experiment",
    "fee",
    "forecast",
    "inventory",
    "invoice",
    "item",
    "lead",
    "ledger",
    "location",
    "message",
    "order",
    "partner",
    "payment",
    "plan",
    "price",
    "product",
    "promotion",
    "refund",
    "region",
    "return",
    "review",
    "session",
    "shipment",
    "store",
    "subscription",
    "supplier",
    "ticket",
    "transaction",
    "warehouse",
];
const QUALITIES: [&str; 32] = [
    "active",
    "actual",
    "approved",
    "average",
    "billed",
    "cancelled",
    "closed",
    "current",
    "daily",
    "delivered",
    "effective",
    "estimated",
    "expected",
    "external",
    "final",
    "first",
    "gross",
    "internal",
    "last",
    "local",
    "monthly",
    "net",
    "open",
    "original",
    "paid",
    "pending",
    "planned",
    "previous",
    "primary",
    "total",
    "unique",
    "weekly",
];
const SENTENCES: [&str; 16] = [
    "as the source system sent it",
    "in the currency of the order",
    "in UTC, when the row was written",
    "null until the process has ended",
    "taken from the partner's nightly file",
    "counted once a session and device",
    "without taxes and shipping",
    "including taxes, rounded to cents",
    "the key that joins the fact tables",
    "kept for reports of before the migration",
    "filled in by the enrichment job",
    "hashed, since it can name a person",
    "ISO 3166 code of two letters",
    "free text, as the agent typed it",
    "deduplicated by the latest update",
    "one of a closed list of values",
];
const TYPES: [&str; 8] = [
    "STRING",
    "STRING",
    "INT64",
    "NUMERIC",
    "TIMESTAMP",
    "DATE",
    "BOOL",
    "FLOAT64",
];

/// Steele and Vigna's splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (mixed ^ (mixed >> 31)) % u64::try_from(end).expect("an end is small");
        usize::try_from(drawn).expect("less than the end")
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn in_ten(&mut self, cases: usize) -> bool {
        self.below(10) < cases
    }

    fn column(&mut self, depth: usize) -> Column {
        let (quality, noun) = (self.one(&QUALITIES), self.one(&NOUNS));
        let number = self.below(100);
        let mut column = Column::leaf(format!("{quality}_{noun}_{number}"), self.one(&TYPES));
        if self.in_ten(6) {
            let sentence = self.one(&SENTENCES);
            column.description = Some(format!("The {quality} {noun} of the row, {sentence}"));
            column.description_source = Some(if self.in_ten(5) {
                DescriptionSource::Warehouse
            } else {
                DescriptionSource::Llm
            });
        }
        if depth == 0 && self.below(20) == 0 {
            column.data_type = "STRUCT".into();
            column.mode = Mode::Repeated;
            column.fields = (0..=self.below(5)).map(|_| self.column(1)).collect();
        }
        column
    }

    fn table(&mut self, number: usize) -> Table {
        let (quality, noun) = (self.one(&QUALITIES), self.one(&NOUNS));
        let dataset = number % DATASETS;
        let dataset = format!("domain_{dataset:02}");
        let place = |table: String| TableName::new("company-analytics", dataset.as_str(), table);
        let name = place(format!("{quality}_{noun}_{number:04}"));
        let mut table = Table::new(name, TableKind::Table);
        let sentence = self.one(&SENTENCES);
        table.description = Some(format!("One row a {quality} {noun}, {sentence}"));
        table.description_source = Some(DescriptionSource::Llm);
        table.set_size(
            Some(self.below(90_000_000).try_into().expect("a row count")),
            Some(self.below(9_000_000_000).try_into().expect("a byte count")),
        );
        table.columns = (0..6 + self.below(20)).map(|_| self.column(0)).collect();
        if self.in_ten(4) {
            table.partitioning = Some(Partitioning {
                column: table.columns[0].name.clone(),
                unit: "DAY".into(),
            });
        }
        if number >= DATASETS && self.in_ten(5) {
            table.foreign_keys = vec![ForeignKey::new(
                vec![table.columns[1].name.clone()],
                place(noun.to_owned()),
                vec![format!("{noun}_id")],
            )];
        }
        table
    }
}

pub fn document() -> Document {
    let mut dice = Dice(1_145);
    let generated_at = Timestamp::from_second(1_790_000_000).expect("a time");
    let tables: Vec<Table> = (0..TABLES).map(|number| dice.table(number)).collect();
    let examples = tables.iter().step_by(TABLES / 5).take(5);
    let examples = examples.map(|table| Example {
        id: None,
        question: format!("How many rows does {} have?", table.name),
        sql: format!("SELECT COUNT(*) FROM `{}`", table.name),
        tables: vec![table.name.clone()],
        origin: Origin::Rule,
        verified: Some(Verified {
            how: How::DryRun,
            at: generated_at,
            bytes_processed: Some(0),
            columns: Vec::new(),
        }),
        error: None,
    });
    let mut document = Document {
        format: FORMAT,
        version: String::new(),
        generated_at,
        source: Source {
            kind: SourceKind::Bigquery,
            dialect: Dialect::Bigquery,
            datasets: (0..DATASETS)
                .map(|dataset| format!("company-analytics.domain_{dataset:02}"))
                .collect(),
            extensions: None,
        },
        examples: examples.collect(),
        quarantined: Vec::new(),
        meaning: schema::document::Meaning::default(),
        ledger: Ledger::default(),
        tables,
    };
    document.version = content_hash(&document);
    document
}
