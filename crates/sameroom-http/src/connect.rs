//! Connections: names to addresses that are allowed, then TCP and TLS.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::address::is_public;
use crate::error::HttpError;

/// Bytes both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects to the server of an address, whose name is looked up here and nowhere else.
pub(crate) async fn connect(
    url: &Url,
    allow_private: bool,
    timeout: Duration,
    tls: &tokio::sync::OnceCell<Arc<ClientConfig>>,
) -> Result<Box<dyn Io>, HttpError> {
    let secure = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(HttpError::BadUrl("only http and https can be asked")),
    };
    let host = url.host().ok_or(HttpError::BadUrl("it names no server"))?;
    let port = url.port_or_known_default().ok_or(HttpError::BadUrl("it names no port"))?;
    let addresses =
        tokio::time::timeout(timeout, resolve(&host, port)).await.map_err(|_| HttpError::TimedOut)??;
    let total = addresses.len();
    let allowed: Vec<SocketAddr> =
        addresses.into_iter().filter(|address| allow_private || is_public(address.ip())).collect();
    if allowed.is_empty() {
        return Err(if total > 0 {
            HttpError::PrivateAddress
        } else {
            HttpError::Connect("no such server".into())
        });
    }
    let mut last = HttpError::TimedOut;
    for address in allowed {
        match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                return if secure { encrypt(tcp, &host, timeout, tls).await } else { Ok(Box::new(tcp)) };
            }
            Ok(Err(error)) => last = HttpError::Connect(error.kind().to_string()),
            Err(_) => last = HttpError::TimedOut,
        }
    }
    Err(last)
}

async fn resolve(host: &Host<&str>, port: u16) -> Result<Vec<SocketAddr>, HttpError> {
    match host {
        Host::Ipv4(ip) => Ok(vec![SocketAddr::new(IpAddr::V4(*ip), port)]),
        Host::Ipv6(ip) => Ok(vec![SocketAddr::new(IpAddr::V6(*ip), port)]),
        Host::Domain(name) => tokio::net::lookup_host((*name, port))
            .await
            .map(|found| found.take(8).collect())
            .map_err(|error| HttpError::Connect(error.kind().to_string())),
    }
}

async fn encrypt(
    tcp: TcpStream,
    host: &Host<&str>,
    timeout: Duration,
    tls: &tokio::sync::OnceCell<Arc<ClientConfig>>,
) -> Result<Box<dyn Io>, HttpError> {
    let config = tls.get_or_try_init(load).await?;
    let name = match host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned())
            .map_err(|_| HttpError::BadUrl("its server's name is none"))?,
        Host::Ipv4(ip) => ServerName::from(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => ServerName::from(IpAddr::V6(*ip)),
    };
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
    match tokio::time::timeout(timeout, connector.connect(name, tcp)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(HttpError::Connect(format!("TLS failed: {}", error.kind()))),
        Err(_) => Err(HttpError::TimedOut),
    }
}

/// Reads the system's certificates, once.
async fn load() -> Result<Arc<ClientConfig>, HttpError> {
    let made = tokio::task::spawn_blocking(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| HttpError::Connect(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    });
    made.await.map_err(|error| HttpError::Connect(error.to_string()))?
}
