//! TLS towards the one certificate whose SHA-256 the enrolment code names.

use ntm_proto::cookie::same;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring::default_provider};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::sync::Arc;

/// A client configuration that trusts the certificate with this SHA-256 and no other.
pub(crate) fn pinned(fingerprint: [u8; 32]) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(default_provider());
    let verifier = Pinned {
        fingerprint,
        provider: Arc::clone(&provider),
    };
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
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
    provider: Arc<CryptoProvider>,
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
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
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
            provider: Arc::new(default_provider()),
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
