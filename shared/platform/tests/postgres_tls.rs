//! `sslmode` and the CA bundle, with servers whose certificates are and aren't valid.

use std::io;
use std::sync::Arc;

use platform::Env;
use platform::postgres::open;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new([]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn server(&self, name: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        tls(&certificate, &key)
    }
}

/// A certificate like that of `openssl req -x509`, for server and CA at once.
fn self_signed(name: &str) -> (ServerConfig, String) {
    let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    (tls(&certificate, &key), certificate.pem())
}

fn tls(certificate: &rcgen::Certificate, key: &KeyPair) -> ServerConfig {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap()
}

/// A server that accepts every login, at `localhost` and the port, with TLS if it has a certificate.
async fn listen(tls: Option<ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // A client that refuses the certificate closes the connection here.
            let _ = serve(socket, acceptor.clone()).await;
        }
    });
    port
}

async fn serve(mut socket: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<()> {
    let mut start = [0; 8];
    socket.peek(&mut start).await?;
    if start != [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f] {
        return let_in(&mut socket, "plain").await;
    }
    socket.read_exact(&mut start).await?;
    match acceptor {
        Some(acceptor) => {
            socket.write_all(b"S").await?;
            let mut socket = acceptor.accept(socket).await?;
            let_in(&mut socket, "tls").await
        }
        None => {
            socket.write_all(b"N").await?;
            let_in(&mut socket, "plain").await
        }
    }
}

/// Reads the startup message, and reports as the server's version how the client connected.
async fn let_in(socket: &mut (impl AsyncRead + AsyncWrite + Unpin), how: &str) -> io::Result<()> {
    let length = socket.read_u32().await?;
    let mut message = vec![0; length as usize - 4];
    socket.read_exact(&mut message).await?;
    let mut answer = b"R\0\0\0\x08\0\0\0\0E".to_vec();
    // The text of an error reaches the client unasked.
    let fields = format!("SFATAL\0C28000\0M{how}\0\0");
    answer.extend((u32::try_from(fields.len()).unwrap() + 4).to_be_bytes());
    answer.extend(fields.as_bytes());
    socket.write_all(&answer).await?;
    socket.flush().await?;
    let _ = socket.read(&mut [0]).await;
    Ok(())
}

/// `plain`, `tls`, or the reason why there is no connection.
async fn connect(port: u16, parameters: &str, bundle: Option<&str>) -> String {
    let url = format!("postgres://user@localhost:{port}/database{parameters}");
    let mut env = Env::default().with("DATABASE_URL", url);
    if let Some(bundle) = bundle {
        env = env.with("DATABASE_CA", bundle);
    }
    let error = match open(&env).unwrap().get().await {
        Err(platform::postgres::PoolError::Backend(error)) => error.source,
        other => panic!("{other:?}"),
    };
    match error.as_db_error() {
        Some(how) => how.message().to_owned(),
        None => platform::postgres::describe(&error),
    }
}

#[tokio::test]
async fn without_a_ca_bundle_only_verify_full_verifies_the_server() {
    let ours = Authority::new();
    let port = listen(Some(ours.server("localhost"))).await;
    for (parameters, expected) in [
        ("", "tls"),
        ("?sslmode=disable", "plain"),
        ("?sslmode=allow", "tls"),
        ("?sslmode=prefer", "tls"),
        ("?sslmode=require", "tls"),
    ] {
        assert_eq!(
            connect(port, parameters, None).await,
            expected,
            "{parameters}"
        );
    }
    for parameters in [
        "?sslmode=verify-full",
        "?sslmode=verify-full&sslrootcert=system",
    ] {
        let refused = connect(port, parameters, None).await;
        assert!(refused.contains("UnknownIssuer"), "{parameters}: {refused}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_accepted_only_if_tls_is_optional() {
    let port = listen(None).await;
    let bundle = Authority::new().pem();
    for (parameters, bundle) in [("", None), ("?sslmode=prefer", Some(bundle.as_str()))] {
        assert_eq!(
            connect(port, parameters, bundle).await,
            "plain",
            "{parameters}"
        );
    }
    for (parameters, bundle) in [
        ("", Some(bundle.as_str())),
        ("?sslmode=require", None),
        ("?sslmode=verify-ca", Some(&bundle)),
        ("?sslmode=verify-full", None),
    ] {
        let refused = connect(port, parameters, bundle).await;
        assert!(
            refused.contains("server does not support TLS"),
            "{parameters}: {refused}"
        );
    }
}

#[tokio::test]
async fn with_a_ca_bundle_the_issuer_is_verified_and_by_verify_full_the_name() {
    let (ours, other) = (Authority::new(), Authority::new());
    let right = listen(Some(ours.server("localhost"))).await;
    let elsewhere = listen(Some(ours.server("db.example"))).await;
    let foreign = listen(Some(other.server("localhost"))).await;
    let bundle = ours.pem();
    for (parameters, name_counts) in [
        ("", true),
        ("?sslmode=require", false),
        ("?sslmode=verify-ca", false),
        ("?sslmode=verify-full", true),
    ] {
        assert_eq!(
            connect(right, parameters, Some(&bundle)).await,
            "tls",
            "{parameters}"
        );
        let misnamed = connect(elsewhere, parameters, Some(&bundle)).await;
        if name_counts {
            assert!(
                misnamed.contains("not valid for name"),
                "{parameters}: {misnamed}"
            );
        } else {
            assert_eq!(misnamed, "tls", "{parameters}");
        }
        let refused = connect(foreign, parameters, Some(&bundle)).await;
        assert!(
            refused.contains("invalid peer certificate"),
            "{parameters}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_self_signed_server_is_trusted_by_its_own_certificate() {
    let (server, certificate) = self_signed("localhost");
    let port = listen(Some(server)).await;
    for parameters in ["?sslmode=verify-ca", "?sslmode=verify-full"] {
        assert_eq!(connect(port, parameters, Some(&certificate)).await, "tls");
        let (_, another) = self_signed("localhost");
        let refused = connect(port, parameters, Some(&another)).await;
        assert!(
            refused.contains("invalid peer certificate"),
            "{parameters}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_ca_bundle_is_a_text_or_a_file_in_the_variable_or_the_url() {
    let ours = Authority::new();
    let port = listen(Some(ours.server("localhost"))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let several = format!("{}{}", Authority::new().pem(), ours.pem());
    std::fs::write(&file, several).unwrap();
    let path = file.to_str().unwrap();

    assert_eq!(connect(port, "", Some(&ours.pem())).await, "tls");
    assert_eq!(connect(port, "", Some(path)).await, "tls");
    let in_the_url = format!("?sslmode=verify-full&sslrootcert={path}");
    assert_eq!(connect(port, &in_the_url, None).await, "tls");
}

#[test]
fn an_invalid_ca_bundle_is_reported_at_startup() {
    for bundle in ["/nowhere/ca.pem", "-----BEGIN CERTIFICATE-----\nnot base64"] {
        let env = Env::default()
            .with("DATABASE_URL", "postgres://u@h/d")
            .with("DATABASE_CA", bundle);
        let error = format!("{:#}", open(&env).unwrap_err());
        assert!(
            error.starts_with("the CA bundle for DATABASE_URL"),
            "{error}"
        );
    }
}
