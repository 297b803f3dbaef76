//! The keys: master keys from the environment, and in the database one key per person and month,
//! encrypted (wrapped) with a master key.
//!
//! All encryption is AES-256-GCM with a random nonce, which precedes the ciphertext.

use anyhow::{Context as _, anyhow, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use platform::Secret;

const KEY_BYTES: usize = 32;
/// The length of the fingerprint of the master key that wrapped a person key.
const FINGERPRINT_BYTES: usize = 4;
/// The associated data of a wrapped person key.
const PERSON_KEY: &[u8] = b"metasync person key";

/// The keys in `PRIVACY_KEY`: 64 hex digits each, separated by commas during a key rotation. The first
/// key encrypts and signs; all of them decrypt and verify.
pub struct MasterKeys(Vec<MasterKey>);

struct MasterKey {
    fingerprint: [u8; FINGERPRINT_BYTES],
    wrapping: RandomizedNonceKey,
    digesting: hmac::Key,
    signing: hmac::Key,
}

impl MasterKeys {
    pub fn parse(secret: &Secret) -> anyhow::Result<Self> {
        let mut keys: Vec<[u8; KEY_BYTES]> = Vec::new();
        for text in secret.expose().split(',') {
            let key = hex::decode(text.trim()).ok();
            let key = key.and_then(|key| key.try_into().ok()).context(
                "PRIVACY_KEY is not a key: set it to 64 hex digits, for example from `openssl rand -hex 32`",
            )?;
            ensure!(
                !keys.contains(&key),
                "PRIVACY_KEY has the same key twice: set it to different keys, separated by commas"
            );
            keys.push(key);
        }
        let keys = keys.iter().map(MasterKey::new);
        Ok(Self(keys.collect::<anyhow::Result<_>>()?))
    }

    fn first(&self) -> &MasterKey {
        self.0
            .first()
            .expect("splitting a text gives at least one part")
    }

    /// Generates a key for a person. Returns it with its wrapped form for the database.
    pub fn person_key(&self) -> anyhow::Result<(PersonKey, Vec<u8>)> {
        let mut key = [0; KEY_BYTES];
        rand::fill(&mut key).map_err(|_| anyhow!("the system has no random numbers"))?;
        Ok((PersonKey::new(&key)?, self.wrapped(key.to_vec())?))
    }

    pub fn unwrap(&self, wrapped: &[u8]) -> anyhow::Result<PersonKey> {
        PersonKey::new(&self.opened(wrapped)?)
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What the keys that each master key wrapped begin with, in order.
    pub fn fingerprints(&self) -> Vec<Vec<u8>> {
        let keys = self.0.iter();
        keys.map(|it| it.fingerprint.to_vec()).collect()
    }

    /// The same key, wrapped with the first master key.
    pub fn wrap_again(&self, wrapped: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.wrapped(self.opened(wrapped)?)
    }

    fn wrapped(&self, key: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let first = self.first();
        let mut wrapped = first.fingerprint.to_vec();
        wrapped.extend(seal(&first.wrapping, PERSON_KEY, key)?);
        Ok(wrapped)
    }

    fn opened(&self, wrapped: &[u8]) -> anyhow::Result<Vec<u8>> {
        ensure!(
            wrapped.len() > FINGERPRINT_BYTES,
            "a wrapped key is truncated"
        );
        let (fingerprint, sealed) = wrapped.split_at(FINGERPRINT_BYTES);
        let master = self.0.iter().find(|it| it.fingerprint == fingerprint);
        let master = master.context(
            "a key was wrapped with another PRIVACY_KEY: append that one, after a comma",
        )?;
        open(&master.wrapping, PERSON_KEY, sealed)
    }

    /// The digests of an id, which represent it where the id itself must not stay: one per key, in order.
    pub fn digests_of(&self, kind: &str, id: &str) -> Vec<Vec<u8>> {
        let text = format!("{kind} {id}");
        let digests = self
            .0
            .iter()
            .map(|it| hmac::sign(&it.digesting, text.as_bytes()));
        digests.map(|digest| digest.as_ref().to_vec()).collect()
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.first().signing, text).as_ref().to_vec()
    }

    /// Whether one of the keys signed the text.
    pub fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        self.signer(text, signature).is_some()
    }

    /// The position of the key that signed the text; none if no key did.
    pub fn signer(&self, text: &[u8], signature: &[u8]) -> Option<usize> {
        let mut signer = None;
        for (position, key) in self.0.iter().enumerate() {
            if hmac::verify(&key.signing, text, signature).is_ok() {
                signer = Some(position);
            }
        }
        signer
    }
}

impl MasterKey {
    fn new(key: &[u8; KEY_BYTES]) -> anyhow::Result<Self> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let derive = |purpose: &str| hmac::sign(&key, purpose.as_bytes());
        let hmac_key = |purpose: &str| hmac::Key::new(hmac::HMAC_SHA256, derive(purpose).as_ref());
        let fingerprint = derive("mark").as_ref()[..FINGERPRINT_BYTES].try_into();
        Ok(Self {
            fingerprint: fingerprint.context("a digest has 32 bytes")?,
            wrapping: aead(derive("wrap").as_ref())?,
            digesting: hmac_key("name"),
            signing: hmac_key("sign"),
        })
    }
}

/// The key of one person, robeing and month.
pub struct PersonKey(RandomizedNonceKey);

impl PersonKey {
    fn new(key: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(aead(key)?))
    }

    /// Encrypts with the row's id as associated data, so that the result can't be moved to another row.
    pub fn seal(&self, row_id: &[u8], plain: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        seal(&self.0, row_id, plain)
    }

    pub fn open(&self, row_id: &[u8], sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        open(&self.0, row_id, sealed)
    }
}

fn aead(key: &[u8]) -> anyhow::Result<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| anyhow!("a key must have 32 bytes"))
}

fn seal(key: &RandomizedNonceKey, aad: &[u8], mut plain: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let nonce = key
        .seal_in_place_append_tag(Aad::from(aad), &mut plain)
        .map_err(|_| anyhow!("encryption failed"))?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len());
    sealed.extend_from_slice(nonce.as_ref());
    sealed.append(&mut plain);
    Ok(sealed)
}

fn open(key: &RandomizedNonceKey, aad: &[u8], sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
    ensure!(sealed.len() > NONCE_LEN, "sealed data is truncated");
    let (nonce, sealed) = sealed.split_at(NONCE_LEN);
    let nonce =
        Nonce::try_assume_unique_for_key(nonce).map_err(|_| anyhow!("invalid nonce length"))?;
    let mut plain = sealed.to_vec();
    let length = key
        .open_in_place(nonce, Aad::from(aad), &mut plain)
        .map_err(|_| {
            anyhow!("sealed data can't be decrypted: it was changed, or belongs to another row")
        })?
        .len();
    plain.truncate(length);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(keys: &str) -> MasterKeys {
        MasterKeys::parse(&Secret::new(keys)).expect("a key")
    }

    #[test]
    fn sealed_data_is_opened_only_with_its_key_and_its_row() {
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
    fn during_a_key_rotation_the_first_key_encrypts_and_both_decrypt() {
        let (old, new) = ("07".repeat(32), "08".repeat(32));
        let wrapped = master(&old).person_key().unwrap().1;
        let both = master(&format!("{new}, {old}"));
        assert!(both.unwrap(&wrapped).is_ok());
        let wrapped = both.person_key().unwrap().1;
        assert!(master(&new).unwrap(&wrapped).is_ok());
        assert!(master(&old).unwrap(&wrapped).is_err());
        assert!(both.verify(b"text", &master(&old).sign(b"text")));
        assert!(!both.verify(b"other", &master(&old).sign(b"text")));
        assert!(
            both.digests_of("user_id", "u")
                .contains(&master(&old).digests_of("user_id", "u")[0])
        );
    }

    #[test]
    fn the_same_key_twice_is_refused_however_it_is_written() {
        let (one, other) = ("ab".repeat(32), "08".repeat(32));
        for twice in [
            format!("{one},{one}"),
            format!("{one}, {}", one.to_uppercase()),
            format!("{other},{one},{other}"),
        ] {
            let error = MasterKeys::parse(&Secret::new(&*twice)).err().unwrap();
            let error = error.to_string();
            assert!(error.starts_with("PRIVACY_KEY has the same key twice"));
            assert!(!error.contains("abab") && !error.contains("0808"));
        }
    }

    #[test]
    fn an_invalid_key_is_refused_and_not_shown() {
        for bad in ["", "07", "zz", &"0".repeat(63)] {
            let error = MasterKeys::parse(&Secret::new(bad)).err().unwrap();
            assert!(error.to_string().starts_with("PRIVACY_KEY is not a key"));
            assert!(!error.to_string().contains("000"));
        }
    }
}
