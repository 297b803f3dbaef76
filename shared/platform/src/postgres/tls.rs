//! Verification of a database server's certificate.

use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::http_client;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    Nothing,
    Issuer,
    IssuerAndName,
}

/// The certificates in a PEM text, or in the file at a path.
pub(super) fn read_bundle(text_or_path: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = if text_or_path.contains("-----BEGIN") {
        CertificateDer::pem_slice_iter(text_or_path.as_bytes()).collect()
    } else {
        CertificateDer::pem_file_iter(text_or_path)
            .with_context(|| format!("can't read {text_or_path:?}"))?
            .collect()
    };
    let certificates = certificates.context("it is not valid PEM")?;
    anyhow::ensure!(!certificates.is_empty(), "it has no certificate");
    Ok(certificates)
}

pub(super) fn client(
    verify: Verify,
    bundle: &[CertificateDer<'static>],
) -> anyhow::Result<ClientConfig> {
    let mut config = http_client::tls();
    if verify == Verify::IssuerAndName && bundle.is_empty() {
        return Ok(config);
    }
    let provider = Arc::clone(config.crypto_provider());
    let mut roots = RootCertStore::empty();
    // Public roots only if the name is verified: a public CA issues certificates to anyone.
    if verify != Verify::Issuer {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for certificate in bundle {
        roots
            .add(certificate.clone())
            .context("the CA bundle has a certificate that can't belong to a CA")?;
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    config
        .dangerous()
        .set_certificate_verifier(Arc::new(Verifier {
            verify,
            chain,
            bundle: bundle.to_vec(),
        }));
    Ok(config)
}

#[derive(Debug)]
struct Verifier {
    verify: Verify,
    chain: Arc<WebPkiServerVerifier>,
    bundle: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // A self-signed certificate of a server can be in the bundle itself. As an issuer it would be
        // refused, because a certificate can't belong to both a server and a CA.
        if self.verify == Verify::Nothing || self.bundle.iter().any(|known| known == certificate) {
            return Ok(ServerCertVerified::assertion());
        }
        let verified = self
            .chain
            .verify_server_cert(certificate, intermediates, name, ocsp, now);
        match verified {
            // The name is verified last, so the chain is valid.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verify == Verify::Issuer => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
