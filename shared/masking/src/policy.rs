//! The kinds of personal data and secrets, and which of them are masked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of personal data or secret. The order is the severity: of two overlapping matches, the earlier kind applies
/// to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A resident registration number.
    Rrn,
    /// A foreigner registration number.
    Frn,
    /// A password, a token or a key.
    Secret,
    Card,
    Account,
    Iban,
    Passport,
    Licence,
    Health,
    Ssn,
    Phone,
    Email,
    Address,
    Plate,
    Business,
    Ip,
}

impl Kind {
    pub const ALL: [Self; 16] = [
        Self::Rrn,
        Self::Frn,
        Self::Secret,
        Self::Card,
        Self::Account,
        Self::Iban,
        Self::Passport,
        Self::Licence,
        Self::Health,
        Self::Ssn,
        Self::Phone,
        Self::Email,
        Self::Address,
        Self::Plate,
        Self::Business,
        Self::Ip,
    ];

    /// The label in placeholders: `[PHONE_1]`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Rrn => "RRN",
            Self::Frn => "FRN",
            Self::Secret => "SECRET",
            Self::Card => "CARD",
            Self::Account => "ACCOUNT",
            Self::Iban => "IBAN",
            Self::Passport => "PASSPORT",
            Self::Licence => "LICENCE",
            Self::Health => "HEALTH",
            Self::Ssn => "SSN",
            Self::Phone => "PHONE",
            Self::Email => "EMAIL",
            Self::Address => "ADDRESS",
            Self::Plate => "PLATE",
            Self::Business => "BUSINESS",
            Self::Ip => "IP",
        }
    }

    /// Whether the kind is masked under any policy. The law allows storing registration numbers only for purposes that a
    /// statute names, and a log of conversations is not one.
    pub fn is_always_masked(self) -> bool {
        matches!(self, Self::Rrn | Self::Frn)
    }

    /// Whether equal values get equal numbers, for which a digest of the value is stored. There is no digest of values
    /// that could be guessed from it if the key leaked, such as thirteen digits or a password.
    pub fn is_numbered(self) -> bool {
        !matches!(self, Self::Rrn | Self::Frn | Self::Secret | Self::Ssn)
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A kind of personal data or secret that may stay unmasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmasked {
    Secret,
    Card,
    Account,
    Iban,
    Passport,
    Licence,
    Health,
    Ssn,
    Phone,
    Email,
    Address,
    Plate,
    Business,
    Ip,
}

/// Which kinds are masked: all except those that it allows. In JSON, the list of allowed kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Kind>", into = "Vec<Kind>")]
pub struct Policy {
    allowed: u32,
}

impl Policy {
    /// Leaves a kind unmasked, unless it is always masked.
    #[must_use]
    pub fn allow(mut self, kind: Kind) -> Self {
        if !kind.is_always_masked() {
            self.allowed |= kind.bit();
        }
        self
    }

    pub fn masks(self, kind: Kind) -> bool {
        self.allowed & kind.bit() == 0
    }
}

/// From the settings of a robeing.
impl From<&[Unmasked]> for Policy {
    fn from(unmasked: &[Unmasked]) -> Self {
        let allowed = unmasked.iter().map(|kind| match kind {
            Unmasked::Secret => Kind::Secret,
            Unmasked::Card => Kind::Card,
            Unmasked::Account => Kind::Account,
            Unmasked::Iban => Kind::Iban,
            Unmasked::Passport => Kind::Passport,
            Unmasked::Licence => Kind::Licence,
            Unmasked::Health => Kind::Health,
            Unmasked::Ssn => Kind::Ssn,
            Unmasked::Phone => Kind::Phone,
            Unmasked::Email => Kind::Email,
            Unmasked::Address => Kind::Address,
            Unmasked::Plate => Kind::Plate,
            Unmasked::Business => Kind::Business,
            Unmasked::Ip => Kind::Ip,
        });
        allowed.fold(Self::default(), Self::allow)
    }
}

impl From<Vec<Kind>> for Policy {
    fn from(allowed: Vec<Kind>) -> Self {
        allowed.into_iter().fold(Self::default(), Self::allow)
    }
}

impl From<Policy> for Vec<Kind> {
    fn from(policy: Policy) -> Self {
        let kinds = Kind::ALL.into_iter();
        kinds.filter(|&kind| !policy.masks(kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_except_registration_numbers_can_be_allowed_by_its_name() {
        for kind in Kind::ALL {
            let name = serde_json::to_value(kind).unwrap();
            let set = serde_json::from_value::<Unmasked>(name);
            match set {
                Ok(set) => {
                    let policy = Policy::from(&[set][..]);
                    let allowed: Vec<Kind> = policy.into();
                    assert_eq!(allowed, [kind]);
                }
                Err(_) => assert!(kind.is_always_masked(), "{kind:?}"),
            }
        }
    }
}
