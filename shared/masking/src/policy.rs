//! What the masker knows, and which of it a robeing has masked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of secret. The order is the severity: where two overlap, the earlier one names the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A resident registration number.
    Rrn,
    /// A foreigner registration number.
    Frn,
    /// A password, a token, a key.
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

    /// What stands in a placeholder: `[PHONE_1]`.
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

    /// Whether no policy can let it through: the law allows to keep a registration number only where
    /// a statute names it, and a log of conversations is named by none.
    pub fn always(self) -> bool {
        matches!(self, Self::Rrn | Self::Frn)
    }

    /// Whether equal values get equal numbers, for which a digest of the value has to be kept. Not of
    /// what can be guessed back from a digest once its key is lost: thirteen digits, a password.
    pub fn numbered(self) -> bool {
        !matches!(self, Self::Rrn | Self::Frn | Self::Secret | Self::Ssn)
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A kind of personal data or secret that may be let through.
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

/// Which kinds are masked: all, but for those that are kept. As JSON, the list of the kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Kind>", into = "Vec<Kind>")]
pub struct Policy {
    kept: u32,
}

impl Policy {
    /// Lets a kind through, unless it is one that is always masked.
    #[must_use]
    pub fn keep(mut self, kind: Kind) -> Self {
        if !kind.always() {
            self.kept |= kind.bit();
        }
        self
    }

    pub fn masks(self, kind: Kind) -> bool {
        self.kept & kind.bit() == 0
    }
}

/// As a robeing is set up.
impl From<&[Unmasked]> for Policy {
    fn from(unmasked: &[Unmasked]) -> Self {
        let kept = unmasked.iter().map(|kind| match kind {
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
        kept.fold(Self::default(), Self::keep)
    }
}

impl From<Vec<Kind>> for Policy {
    fn from(kept: Vec<Kind>) -> Self {
        kept.into_iter().fold(Self::default(), Self::keep)
    }
}

impl From<Policy> for Vec<Kind> {
    fn from(policy: Policy) -> Self {
        let kept = Kind::ALL.into_iter();
        kept.filter(|&kind| !policy.masks(kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_but_registration_numbers_can_be_set_to_be_kept_under_its_own_name() {
        for kind in Kind::ALL {
            let name = serde_json::to_value(kind).unwrap();
            let set = serde_json::from_value::<Unmasked>(name);
            match set {
                Ok(set) => {
                    let policy = Policy::from(&[set][..]);
                    let kept: Vec<Kind> = policy.into();
                    assert_eq!(kept, [kind]);
                }
                Err(_) => assert!(kind.always(), "{kind:?}"),
            }
        }
    }
}
