//! TLS towards the one certificate whose SHA-256 the enrolment code names.
//!
//! Both ends are ours, so one algorithm of each kind is enough: X25519, ChaCha20-Poly1305, Ed25519. A router's program is
//! the smaller without those that nobody would choose here: P-256's table alone has 150 KB, and does not pack.

use ntm_proto::cookie::same;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
    verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::SigningKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::sync::Arc;

const ED25519: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[webpki::ring::ED25519],
    mapping: &[(SignatureScheme::ED25519, &[webpki::ring::ED25519])],
};

/// A client configuration that trusts the certificate with this SHA-256 and no other.
pub(crate) fn pinned(fingerprint: [u8; 32]) -> Result<ClientConfig, rustls::Error> {
    let provider = CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
        kx_groups: vec![kx_group::X25519],
        signature_verification_algorithms: ED25519,
        secure_random: &Kernel,
        key_provider: &NoKeys,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { fingerprint }))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Kernel;

impl SecureRandom for Kernel {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the shell that asks the kernel"
    )]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(buffer).map_err(|_| GetRandomFailed)
    }
}

/// A client has no certificate of its own.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _key: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("a client has no key".into()))
    }
}

/// Whether `error` says that somebody else's certificate was shown.
pub(crate) fn is_other_certificate(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|e| e.downcast_ref());
    matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure
        ))
    )
}

/// Names and dates say nothing here: the code pins the certificate itself, and a router has no clock.
#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest = ring::digest::digest(&ring::digest::SHA256, end_entity);
        if same_digest(&self.fingerprint, digest.as_ref()) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is never agreed".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &ED25519)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ED25519.supported_schemes()
    }
}

/// Equality of two SHA-256 values in constant time.
fn same_digest(left: &[u8; 32], right: &[u8]) -> bool {
    let (head, tail) = (&left[..16], &left[16..]);
    let halves = (head.try_into(), tail.try_into());
    let (Ok(head), Ok(tail)) = halves else {
        return false;
    };
    right.len() == 32 && same(head, &right[..16]) & same(tail, &right[16..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pinned_certificate_passes() {
        let shown = CertificateDer::from(vec![1, 2, 3]);
        let digest = ring::digest::digest(&ring::digest::SHA256, &shown);
        let verifier = Pinned {
            fingerprint: digest.as_ref().try_into().unwrap(),
        };
        let check = |der: &[u8]| {
            let name = ServerName::try_from("any.name").unwrap();
            let now = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
            verifier
                .verify_server_cert(&CertificateDer::from(der), &[], &name, &[], now)
                .is_ok()
        };
        assert!(check(&[1, 2, 3]));
        assert!(!check(&[1, 2, 4]) && !check(&[]));
    }

    #[test]
    fn digests_differ_in_any_byte() {
        let digest = [7; 32];
        assert!(same_digest(&digest, &digest));
        assert!(!same_digest(&digest, &digest[..31]));
        for at in 0..32 {
            let mut other = digest;
            other[at] ^= 1;
            assert!(!same_digest(&digest, &other));
        }
    }
}
