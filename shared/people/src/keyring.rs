//! The keys of a deployment, from which signatures and seals derive theirs.

use anyhow::{Context as _, anyhow, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use platform::{Env, Secret};

const KEY_BYTES: usize = 32;
const MEANING: &str = "64 hex digits, for example from `openssl rand -hex 32`";

/// The keys in `METASYNC_KEYS`. The first one signs and seals; all of them verify and open.
#[derive(Clone)]
pub struct Keyring(Vec<[u8; KEY_BYTES]>);

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl Keyring {
    /// Reads `METASYNC_KEYS`.
    ///
    /// # Errors
    /// If it is not set, or not a list of different keys.
    pub fn of(env: &Env) -> anyhow::Result<Self> {
        Self::parse(&env.required_secret("METASYNC_KEYS", MEANING)?)
    }

    fn parse(secret: &Secret) -> anyhow::Result<Self> {
        let mut keys: Vec<[u8; KEY_BYTES]> = Vec::new();
        for text in secret.expose().split(',') {
            let key = hex::decode(text.trim()).ok();
            let key = key.and_then(|key| key.try_into().ok());
            let key = key.with_context(|| {
                format!(
                    "METASYNC_KEYS is not a list of keys: set it to {MEANING}, several separated by commas"
                )
            })?;
            ensure!(
                !keys.contains(&key),
                "METASYNC_KEYS has the same key twice: set it to different keys, separated by commas"
            );
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// The keys for a purpose, in order.
    fn derived(&self, purpose: &str) -> impl Iterator<Item = [u8; KEY_BYTES]> {
        self.0.iter().map(move |key| {
            let mut derived = [0; KEY_BYTES];
            let random = Salt::new(HKDF_SHA256, &[]).extract(key);
            let info = [purpose.as_bytes()];
            let expanded = random.expand(&info, Length);
            let filled = expanded.and_then(|okm| okm.fill(&mut derived));
            filled.expect("HKDF gives 32 bytes");
            derived
        })
    }

    fn first(&self, purpose: &str) -> [u8; KEY_BYTES] {
        let first = self.derived(purpose).next();
        first.expect("splitting a text gives at least one part")
    }

    /// A signature (HMAC-SHA256) for a purpose.
    pub fn sign(&self, purpose: &str, text: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.first(purpose));
        hmac::sign(&key, text).as_ref().to_vec()
    }

    /// Whether one of the keys signed the text for this purpose.
    pub fn verify(&self, purpose: &str, text: &[u8], signature: &[u8]) -> bool {
        self.derived(purpose).any(|key| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            hmac::verify(&key, text, signature).is_ok()
        })
    }

    /// Encrypts for a purpose (AES-256-GCM). The random nonce precedes the ciphertext.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn seal(&self, purpose: &str, mut text: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let key = aead(&self.first(purpose))?;
        let nonce = key.seal_in_place_append_tag(Aad::from(purpose), &mut text);
        let nonce = nonce.map_err(|_| anyhow!("encryption failed"))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// The text that [`Keyring::seal`] encrypted for this purpose; none if nobody did.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        self.derived(purpose).find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = text.to_vec();
            let opened = aead(&key).ok()?;
            let opened = opened.open_in_place(nonce, Aad::from(purpose), &mut text);
            opened.ok().map(|text| text.to_vec())
        })
    }
}

fn aead(key: &[u8]) -> anyhow::Result<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| anyhow!("the key is not one of AES-256"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(keys: &[&str]) -> Keyring {
        let keys: Vec<String> = keys.iter().map(|digits| digits.repeat(32)).collect();
        Keyring::parse(&Secret::new(keys.join(","))).unwrap()
    }

    #[test]
    fn the_first_key_signs_and_seals_and_each_one_verifies_and_opens() {
        let (old, both, other) = (keyring(&["07"]), keyring(&["08", "07"]), keyring(&["09"]));
        let signature = old.sign("a", b"text");
        let sealed = old.seal("a", b"text".to_vec()).unwrap();
        assert!(both.verify("a", b"text", &signature));
        assert_eq!(both.open("a", &sealed).unwrap(), b"text");
        assert_ne!(both.sign("a", b"text"), signature);
        for (keys, purpose, text) in [
            (&both, "b", &b"text"[..]),
            (&both, "a", b"texts"),
            (&other, "a", b"text"),
        ] {
            assert!(!keys.verify(purpose, text, &signature));
        }
        assert_eq!(both.open("b", &sealed), None);
        assert_eq!(other.open("a", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(both.open("a", &changed), None, "{at}");
            assert_eq!(both.open("a", &sealed[..at]), None, "{at}");
        }
    }

    #[test]
    fn a_value_that_is_no_list_of_different_keys_is_refused_without_being_quoted() {
        let key = "07".repeat(32);
        for (value, reason) in [
            ("", "is not a list of keys"),
            ("07", "is not a list of keys"),
            (&format!("{key},"), "is not a list of keys"),
            (&format!("{key}, {key}"), "has the same key twice"),
        ] {
            let error = Keyring::parse(&Secret::new(value)).err().unwrap();
            let error = error.to_string();
            assert!(error.contains(reason) && !error.contains("07"), "{error}");
        }
    }
}
