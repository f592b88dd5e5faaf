//! The DC's own secrets: its X25519 key, and the Account Server's certificate, which nodes pin by its SHA-256.

use crate::files;
use anyhow::{Context, Result, anyhow};
use data_encoding::BASE64;
use ntm_proto::id::Fqdn;
use ntm_proto::key::SecretKey;
use ntm_proto::random::Random;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};

/// The Account Server's certificate and its key.
pub(crate) struct Certificate {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Certificate {
    /// What an enrolment code tells nodes to expect.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        sha256(&self.certificate)
    }
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Random bytes from the kernel.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow!("the kernel gives no random bytes: {error}"))?;
    Ok(bytes)
}

/// Makes both secrets in `dir`.
pub(crate) fn make(dir: &Path, domain: &Fqdn) -> Result<()> {
    let key = SecretKey::generate(&mut Random::from_seed(random()?));
    files::write(&key_path(dir), format!("{}\n", key.to_text()).as_bytes())?;
    make_certificate(dir, domain)
}

/// The key is written last: a certificate that is without its key yet is made once more by [`load_certificate`].
fn make_certificate(dir: &Path, domain: &Fqdn) -> Result<()> {
    let (certificate, key) = self_signed(domain)?;
    files::write(
        &dir.join("as.crt"),
        pem("CERTIFICATE", &certificate).as_bytes(),
    )?;
    files::write(&dir.join("as.key"), pem("PRIVATE KEY", &key).as_bytes())
}

/// Reads the DC's key.
pub(crate) fn load_key(dir: &Path) -> Result<SecretKey> {
    let path = key_path(dir);
    SecretKey::parse(&files::read(&path)?)
        .with_context(|| format!("{} holds no key; restore it from a backup", path.display()))
}

/// Reads the Account Server's certificate; one that nodes cannot check, as the first versions made it, is made anew.
pub(crate) fn load_certificate(dir: &Path, domain: &Fqdn) -> Result<Certificate> {
    let found = read_certificate(dir)?;
    if is_ed25519(&found.key) {
        return Ok(found);
    }
    make_certificate(dir, domain)?;
    tracing::warn!(
        "as.crt was of a kind that gateways do not know and is new now: enrolment codes from before are void, make new ones"
    );
    read_certificate(dir)
}

fn is_ed25519(key: &PrivateKeyDer<'_>) -> bool {
    ring::signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_der()).is_ok()
}

fn read_certificate(dir: &Path) -> Result<Certificate> {
    let (certificate, key) = (dir.join("as.crt"), dir.join("as.key"));
    let damaged = |path: &Path| format!("{} is damaged; restore it from a backup", path.display());
    Ok(Certificate {
        certificate: CertificateDer::from_pem_slice(files::read(&certificate)?.as_bytes())
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| damaged(&certificate))?,
        key: PrivateKeyDer::from_pem_slice(files::read(&key)?.as_bytes())
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| damaged(&key))?,
    })
}

fn key_path(dir: &Path) -> PathBuf {
    dir.join("dc.key")
}

/// Certificate and key in DER. Routers boot without a clock, so it is good at any date a router may believe in;
/// nodes trust it by its fingerprint alone.
fn self_signed(domain: &Fqdn) -> Result<(Vec<u8>, Vec<u8>)> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
    let mut params = rcgen::CertificateParams::new(vec![domain.to_string()])?;
    params.not_before = rcgen::date_time_ymd(1975, 1, 1);
    params.not_after = rcgen::date_time_ymd(2099, 12, 31);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(
        rcgen::DnType::CommonName,
        format!("NTM account server of {domain}"),
    );
    let certificate = params.self_signed(&key)?;
    Ok((certificate.der().to_vec(), key.serialize_der()))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn secrets_survive_a_restart() {
        let dir = Scratch::new();
        let domain = Fqdn::parse("ntm.test").unwrap();
        make(dir.path(), &domain).unwrap();
        let key = load_key(dir.path()).unwrap();
        assert_eq!(key.public(), load_key(dir.path()).unwrap().public());
        let first = load_certificate(dir.path(), &domain).unwrap();
        let second = load_certificate(dir.path(), &domain).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
    }

    #[test]
    fn a_certificate_of_the_first_versions_is_made_anew_once() {
        let dir = Scratch::new();
        let domain = Fqdn::parse("ntm.test").unwrap();
        let old = rcgen::KeyPair::generate().unwrap();
        make(dir.path(), &domain).unwrap();
        let before = load_certificate(dir.path(), &domain).unwrap();
        let key = pem("PRIVATE KEY", &old.serialize_der());
        std::fs::write(dir.path().join("as.key"), key).unwrap();
        let made = load_certificate(dir.path(), &domain).unwrap();
        assert_ne!(made.fingerprint(), before.fingerprint());
        assert!(is_ed25519(&made.key));
        let again = load_certificate(dir.path(), &domain).unwrap();
        assert_eq!(again.fingerprint(), made.fingerprint());
    }

    #[test]
    fn damage_is_told() {
        let dir = Scratch::new();
        std::fs::write(dir.path().join("dc.key"), "hello").unwrap();
        let error = load_key(dir.path()).unwrap_err();
        assert!(format!("{error:#}").contains("dc.key holds no key"));
    }
}
