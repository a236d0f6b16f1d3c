//! TLS: whom to trust, and what ties a login to a connection.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

use crate::config::Config;
use crate::sasl::Binding;

/// Why TLS can't be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The file of certificates can't be read.
    #[error("ca_file can't be read: {0}")]
    CaFile(String),
    /// The system has no certificates and none were given.
    #[error("there are no certificates to trust: install the system's or set ca_file")]
    NoRoots,
    /// The library refuses.
    #[error("TLS can't be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// What TLS needs; reads files, so it belongs on a blocking thread.
pub(crate) fn client_config(config: &Config, direct: bool) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut tls = if let Some(fingerprint) = config.fingerprint {
        let verifier = Arc::new(Pinned { fingerprint, provider });
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    } else {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(config)?), provider)
            .build()
            .map_err(|error| TlsError::CaFile(error.to_string()))?;
        builder.with_webpki_verifier(verifier).with_no_client_auth()
    };
    if direct {
        // XEP-0368 section 2.
        tls.alpn_protocols = vec![b"xmpp-client".to_vec()];
    }
    Ok(Arc::new(tls))
}

fn roots(config: &Config) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // One odd certificate of the system must not keep us from using the others.
        if roots.add(certificate).is_err() {
            tracing::debug!("a certificate of the system can't be used");
        }
    }
    if let Some(file) = &config.ca_file {
        let bad = |error: &dyn std::fmt::Display| TlsError::CaFile(format!("{}: {error}", file.display()));
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| bad(&error))?;
        let mut any = false;
        for certificate in certificates {
            roots.add(certificate.map_err(|error| bad(&error))?).map_err(|error| bad(&error))?;
            any = true;
        }
        if !any {
            return Err(bad(&"it holds no certificate"));
        }
    }
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

/// Trusts one certificate, whatever it says.
#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if bool::from(Sha256::digest(end_entity).as_slice().ct_eq(&self.fingerprint)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("the certificate is not the one in tls_fingerprint".into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What this connection can be told by, strongest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings {
    exporter: Option<Vec<u8>>,
    end_point: Option<Vec<u8>>,
}

impl Bindings {
    /// Of a finished handshake.
    pub(crate) fn of(connection: &ClientConnection) -> Self {
        let is_1_3 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        // RFC 9266 section 2; before TLS 1.3 it needs an extension that we can't see.
        let exporter = is_1_3
            .then(|| {
                connection.export_keying_material([0_u8; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()
            })
            .flatten()
            .map(|bytes| bytes.to_vec());
        let end_point = connection
            .peer_certificates()
            .and_then(|chain| chain.first())
            .and_then(|certificate| end_point(certificate.as_ref()));
        Self { exporter, end_point }
    }

    /// The best one that the server takes; `offered` is empty where it does not say (XEP-0440).
    pub(crate) fn choose(&self, offered: &[String]) -> Option<Binding> {
        let takes = |kind: &str| offered.iter().any(|name| name == kind);
        if (takes("tls-exporter") || offered.is_empty())
            && let Some(bytes) = &self.exporter
        {
            return Some(Binding { kind: "tls-exporter", bytes: bytes.clone() });
        }
        let bytes = self.end_point.as_ref().filter(|_| takes("tls-server-end-point"))?;
        Some(Binding { kind: "tls-server-end-point", bytes: bytes.clone() })
    }

    /// Whether there is anything to bind to.
    pub(crate) fn any(&self) -> bool {
        self.exporter.is_some() || self.end_point.is_some()
    }
}

/// RFC 5929 section 4.1: the hash of the certificate by its own signature's hash, SHA-256 at least.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OID, ... }, ... }
    let (0x30, body, _) = der(certificate)? else { return None };
    let (0x30, _, rest) = der(body)? else { return None };
    let (0x30, algorithm, _) = der(rest)? else { return None };
    let (0x06, oid, _) = der(algorithm)? else { return None };
    const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA_SHA2: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    const ECDSA_SHA1: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
    let (last, head) = oid.split_last()?;
    let bits = match (head, last) {
        (head, 4 | 5 | 11) if head == RSA => 256,
        (head, 12) if head == RSA => 384,
        (head, 13) if head == RSA => 512,
        (head, 2) if head == ECDSA_SHA2 => 256,
        (head, 3) if head == ECDSA_SHA2 => 384,
        (head, 4) if head == ECDSA_SHA2 => 512,
        _ if oid == ECDSA_SHA1 => 256,
        // Other signatures (PSS, Ed25519) have no such hash.
        _ => return None,
    };
    Some(match bits {
        256 => Sha256::digest(certificate).to_vec(),
        384 => Sha384::digest(certificate).to_vec(),
        _ => Sha512::digest(certificate).to_vec(),
    })
}

/// Tag, content and what follows of one DER value.
fn der(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        let (digits, rest) = rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
        (digits.iter().fold(0_usize, |all, digit| (all << 8) | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_point_is_hashed_as_the_certificate_was_signed() {
        let made = rcgen::generate_simple_self_signed(vec!["xmpp.test".into()]).expect("a certificate");
        // The default key is ECDSA P-256 with SHA-256.
        assert_eq!(end_point(made.cert.der()), Some(Sha256::digest(made.cert.der()).to_vec()));
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let params = rcgen::CertificateParams::new(vec!["xmpp.test".into()]).expect("parameters");
        let odd = params.self_signed(&key).expect("a certificate");
        assert_eq!(end_point(odd.der()), None);
    }

    #[test]
    fn only_what_both_know_is_bound() {
        let bindings = Bindings { exporter: Some(vec![1]), end_point: Some(vec![2]) };
        let kind = |offered: &[&str]| {
            let offered: Vec<String> = offered.iter().map(|name| (*name).to_owned()).collect();
            bindings.choose(&offered).map(|binding| binding.kind)
        };
        assert_eq!(kind(&["tls-server-end-point", "tls-exporter"]), Some("tls-exporter"));
        assert_eq!(kind(&["tls-server-end-point"]), Some("tls-server-end-point"));
        assert_eq!(kind(&["tls-unique"]), None);
        assert_eq!(kind(&[]), Some("tls-exporter"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            end_point(&bytes);
        }
    }
}
