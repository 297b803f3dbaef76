//! The types of columns: which are arrays, domains, composites or enums, and which we may not name.

use std::collections::HashMap;

use schema::bounds::MAX_LABELS;
use schema::stand_in;
use tokio_postgres::{Error, Row};

use super::text::Text;

pub(super) struct Types(HashMap<u32, TypeInfo>);

pub(super) struct TypeInfo {
    pub(super) kind: TypeKind,
    /// What to call it instead: none if we may name it.
    pub(super) stand_in: Option<&'static str>,
    /// The name without its schema; none if we may not name it at all.
    own_name: Option<String>,
    pub(super) description: Option<String>,
    /// Whether its comment or a label is not UTF-8.
    pub(super) has_bad_text: bool,
}

pub(super) enum TypeKind {
    Array {
        element: u32,
    },
    Domain {
        base: u32,
        name: String,
        required: bool,
    },
    Composite {
        relation: u32,
    },
    Enum {
        labels: Vec<String>,
        has_more: bool,
    },
    Other,
}

impl Types {
    pub(super) fn from_rows(rows: &[Row]) -> Result<Self, Error> {
        let mut types = HashMap::new();
        for row in rows {
            types.insert(row.try_get("oid")?, TypeInfo::from_row(row)?);
        }
        Ok(Self(types))
    }

    pub(super) fn get(&self, oid: u32) -> Option<&TypeInfo> {
        self.0.get(&oid)
    }

    /// The relations of the composite types, which hold their fields.
    pub(super) fn relations(&self) -> Vec<u32> {
        let named = self.0.values().filter(|info| info.stand_in.is_none());
        named
            .filter_map(|info| match info.kind {
                TypeKind::Composite { relation } => Some(relation),
                _ => None,
            })
            .collect()
    }

    /// What to call a type that we may not name; none if we may.
    pub(super) fn stand_in(&self, oid: u32) -> Option<String> {
        let info = self.get(oid)?;
        match &info.kind {
            TypeKind::Domain { base, name, .. } => {
                info.stand_in?;
                Some(self.stand_in(*base).unwrap_or_else(|| name.clone()))
            }
            TypeKind::Array { element } => {
                let element = self.stand_in(*element)?;
                Some(format!("{element}[]"))
            }
            // Of an extension's type only the schema is hidden.
            TypeKind::Other => {
                info.stand_in?;
                let own_name = info.own_name.clone();
                Some(own_name.unwrap_or_else(|| stand_in::USER_DEFINED.to_owned()))
            }
            TypeKind::Enum { .. } | TypeKind::Composite { .. } => info.stand_in.map(str::to_owned),
        }
    }
}

impl TypeInfo {
    fn from_row(row: &Row) -> Result<Self, Error> {
        let mut has_bad_text = false;
        let labels: Vec<Text> = row.try_get("labels")?;
        let kind = match row.try_get("kind")? {
            "array" => TypeKind::Array {
                element: row.try_get("inner_type")?,
            },
            "domain" => TypeKind::Domain {
                base: row.try_get("inner_type")?,
                name: row.try_get::<_, Text>("base_name")?.lossy().to_owned(),
                required: row.try_get("required")?,
            },
            "composite" => TypeKind::Composite {
                relation: row.try_get("relation")?,
            },
            "enum" => {
                let has_more = labels.len() > MAX_LABELS;
                has_bad_text = labels.iter().any(Text::is_bad);
                let labels = labels.into_iter().filter_map(Text::valid);
                TypeKind::Enum {
                    labels: labels.take(MAX_LABELS).collect(),
                    has_more,
                }
            }
            _ => TypeKind::Other,
        };
        let usable: bool = row.try_get("usable")?;
        let own_name: Option<Text> = row.try_get("name")?;
        let description: Option<Text> = row.try_get("description")?;
        has_bad_text |= description.as_ref().is_some_and(Text::is_bad);
        Ok(Self {
            stand_in: (!usable).then_some(match kind {
                TypeKind::Enum { .. } => stand_in::ENUM,
                _ => stand_in::RECORD,
            }),
            kind,
            own_name: own_name.map(|name| name.lossy().to_owned()),
            description: description.and_then(Text::valid),
            has_bad_text,
        })
    }
}
