//! The extensions of a Postgres database: which functions, types and operators they add.

use schema::document::Extension;

/// What common extensions add, for databases whose extensions are not known, and to name the extension
/// that a query needs.
const COMMON: &str = include_str!("functions/extensions.txt");

/// What an extension may add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Function,
    Type,
    Operator,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Type => "type",
            Self::Operator => "operator",
        }
    }
}

/// The extensions of a database; none if they are not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extensions<'a>(pub Option<&'a [Extension]>);

impl Extensions<'_> {
    /// Whether an extension has this. A qualifier must be the schema of the extension.
    pub fn have(self, kind: Kind, qualifier: Option<&str>, name: &str) -> bool {
        let Some(installed) = self.0 else {
            return !of_common(kind, name).is_empty();
        };
        installed.iter().any(|extension| {
            let names = match kind {
                Kind::Function => &extension.functions,
                Kind::Type => &extension.types,
                Kind::Operator => &extension.operators,
            };
            qualifier.is_none_or(|schema| schema == extension.schema)
                && names.iter().any(|known| known == name)
        })
    }

    /// Whether an extension of the database has its functions and types in this schema.
    pub fn has_schema(self, name: &str) -> bool {
        let mut installed = self.0.unwrap_or_default().iter();
        installed.any(|extension| extension.schema == name)
    }

    /// What to say about a name that no extension of this database has, although another one would.
    pub fn missing(self, kind: Kind, name: &str) -> Option<String> {
        self.0?;
        let others = of_common(kind, name);
        let what = kind.word();
        (!others.is_empty()).then(|| {
            format!(
                "{name} is {} {what} of the extension {}, which this database does not have",
                if kind == Kind::Operator { "an" } else { "a" },
                others.join(" or ")
            )
        })
    }
}

fn of_common(kind: Kind, name: &str) -> Vec<&'static str> {
    let lines = COMMON.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (extension, of_kind) = (words.next()?, words.next()?);
            (of_kind == kind.word() && words.any(|known| known == name)).then_some(extension)
        })
        .collect()
}
