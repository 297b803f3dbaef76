//! The keys: a master key that is not in the database, and one a person and month that is, wrapped.
//!
//! AES-256-GCM throughout, each time with a nonce by chance, which stands before what it sealed.

use anyhow::{Context as _, anyhow, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use platform::Secret;

const LENGTH: usize = 32;
/// Which of several master keys wrapped something.
const MARK: usize = 4;
const WRAPPED: &[u8] = b"metasync person key";

/// `PRIVACY_KEY`: 64 hex digits. Several with commas between while one is changed: the first seals,
/// all open.
pub struct Master(Vec<One>);

struct One {
    mark: [u8; MARK],
    wrapping: RandomizedNonceKey,
    naming: hmac::Key,
    signing: hmac::Key,
}

impl Master {
    pub fn parse(secret: &Secret) -> anyhow::Result<Self> {
        let keys = secret.expose().split(',').map(|text| {
            let key: Option<[u8; LENGTH]> = hex::decode(text.trim())
                .ok()
                .and_then(|key| key.try_into().ok());
            let key = key.context(
                "PRIVACY_KEY is no key: set it to 64 hex digits, as of `openssl rand -hex 32`",
            )?;
            One::new(&key)
        });
        Ok(Self(keys.collect::<anyhow::Result<_>>()?))
    }

    fn first(&self) -> &One {
        self.0.first().expect("splitting gives at least one")
    }

    /// A new key of a person, and how the database keeps it.
    pub fn person_key(&self) -> anyhow::Result<(PersonKey, Vec<u8>)> {
        let mut key = [0; LENGTH];
        rand::fill(&mut key).map_err(|_| anyhow!("the system has no random numbers"))?;
        let first = self.first();
        let mut wrapped = first.mark.to_vec();
        wrapped.extend(seal(&first.wrapping, WRAPPED, key.to_vec())?);
        Ok((PersonKey::new(&key)?, wrapped))
    }

    pub fn unwrap(&self, wrapped: &[u8]) -> anyhow::Result<PersonKey> {
        ensure!(wrapped.len() > MARK, "a wrapped key is cut off");
        let (mark, sealed) = wrapped.split_at(MARK);
        let by = self.0.iter().find(|it| it.mark == mark);
        let by = by.context(
            "a key was wrapped with another PRIVACY_KEY: give that one as well, after a comma",
        )?;
        PersonKey::new(&open(&by.wrapping, WRAPPED, sealed)?)
    }

    /// What stands for an id where the id itself must not stay: by each key, the first one's first.
    pub fn digests_of(&self, kind: &str, id: &str) -> Vec<Vec<u8>> {
        let text = format!("{kind} {id}");
        let names = self
            .0
            .iter()
            .map(|it| hmac::sign(&it.naming, text.as_bytes()));
        names.map(|name| name.as_ref().to_vec()).collect()
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.first().signing, text).as_ref().to_vec()
    }

    pub fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let mut signed = false;
        for one in &self.0 {
            signed |= hmac::verify(&one.signing, text, signature).is_ok();
        }
        signed
    }
}

impl One {
    fn new(master: &[u8; LENGTH]) -> anyhow::Result<Self> {
        let master = hmac::Key::new(hmac::HMAC_SHA256, master);
        let derive = |what: &str| hmac::sign(&master, what.as_bytes());
        let key = |what: &str| hmac::Key::new(hmac::HMAC_SHA256, derive(what).as_ref());
        let mark = derive("mark").as_ref()[..MARK].try_into();
        Ok(Self {
            mark: mark.context("a digest has 32 bytes")?,
            wrapping: aead(derive("wrap").as_ref())?,
            naming: key("name"),
            signing: key("sign"),
        })
    }
}

/// Of one person, robeing and month.
pub struct PersonKey(RandomizedNonceKey);

impl PersonKey {
    fn new(key: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(aead(key)?))
    }

    /// `row` is bound to it: what is moved to another row opens no more.
    pub fn seal(&self, row: &[u8], plain: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        seal(&self.0, row, plain)
    }

    pub fn open(&self, row: &[u8], sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        open(&self.0, row, sealed)
    }
}

fn aead(key: &[u8]) -> anyhow::Result<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| anyhow!("a key has 32 bytes"))
}

fn seal(key: &RandomizedNonceKey, with: &[u8], mut plain: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let nonce = key
        .seal_in_place_append_tag(Aad::from(with), &mut plain)
        .map_err(|_| anyhow!("it can't be sealed"))?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len());
    sealed.extend_from_slice(nonce.as_ref());
    sealed.append(&mut plain);
    Ok(sealed)
}

fn open(key: &RandomizedNonceKey, with: &[u8], sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
    ensure!(sealed.len() > NONCE_LEN, "what was sealed is cut off");
    let (nonce, sealed) = sealed.split_at(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| anyhow!("no nonce"))?;
    let mut plain = sealed.to_vec();
    let length = key
        .open_in_place(nonce, Aad::from(with), &mut plain)
        .map_err(|_| anyhow!("what was sealed does not open: it was changed, or it is another's"))?
        .len();
    plain.truncate(length);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(keys: &str) -> Master {
        Master::parse(&Secret::new(keys)).expect("a key")
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_row_alone() {
        let (one, two) = (master(&"07".repeat(32)), master(&"08".repeat(32)));
        let (key, wrapped) = one.person_key().unwrap();
        let sealed = key.seal(b"row 1", b"secret".to_vec()).unwrap();
        assert!(!sealed.windows(6).any(|it| it == b"secret"));
        let again = one.unwrap(&wrapped).unwrap();
        assert_eq!(again.open(b"row 1", &sealed).unwrap(), b"secret");
        assert!(again.open(b"row 2", &sealed).is_err());
        assert!(one.person_key().unwrap().0.open(b"row 1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(again.open(b"row 1", &changed).is_err(), "{at}");
        }
        let error = two.unwrap(&wrapped).err().unwrap();
        assert!(error.to_string().contains("PRIVACY_KEY"), "{error}");
    }

    #[test]
    fn while_the_master_key_is_changed_both_open_and_the_first_seals() {
        let (old, new) = ("07".repeat(32), "08".repeat(32));
        let wrapped = master(&old).person_key().unwrap().1;
        let both = master(&format!("{new}, {old}"));
        assert!(both.unwrap(&wrapped).is_ok());
        let wrapped = both.person_key().unwrap().1;
        assert!(master(&new).unwrap(&wrapped).is_ok());
        assert!(master(&old).unwrap(&wrapped).is_err());
        assert!(both.has_signed(b"text", &master(&old).sign(b"text")));
        assert!(!both.has_signed(b"other", &master(&old).sign(b"text")));
        assert!(
            both.digests_of("user_id", "u")
                .contains(&master(&old).digests_of("user_id", "u")[0])
        );
    }

    #[test]
    fn a_key_that_is_none_is_refused_and_not_shown() {
        for bad in ["", "07", "zz", &"0".repeat(63)] {
            let error = Master::parse(&Secret::new(bad)).err().unwrap();
            assert!(error.to_string().starts_with("PRIVACY_KEY is no key"));
        }
    }
}
