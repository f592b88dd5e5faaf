//! The password, kept as an argon2id hash in PHC's form.
//!
//! Sized for a router: 7 MiB and five passes, the smallest set that OWASP's password storage cheat sheet gives, since
//! our smallest routers have 64 MiB for everything and RFC 9106's own smallest takes all of that. The memory is taken for
//! the moment of a login and given back. One login at a time: the page has one thread.

use argon2::password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// The shortest password taken, in characters.
pub const SHORTEST: usize = 8;
/// The longest, in bytes.
pub const LONGEST: usize = 256;
/// More would be a file that somebody else wrote: KiB of memory, passes.
const MOST: (u32, u32) = (64 << 10, 16);

/// What a hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Cost {
    /// For a router.
    pub const ROUTER: Self = Self {
        kib: 7 << 10,
        passes: 5,
    };
}

/// Why a password cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Fewer than [`SHORTEST`] characters.
    Short,
    /// More than [`LONGEST`] bytes.
    Long,
}

/// The hash of `password` in PHC's form.
pub fn hash(password: &str, salt: [u8; 16], cost: Cost) -> Result<String, Unfit> {
    if password.chars().count() < SHORTEST {
        return Err(Unfit::Short);
    }
    if password.len() > LONGEST {
        return Err(Unfit::Long);
    }
    let made = make(password, salt, cost);
    Ok(made.expect("salt and cost are in argon2's bounds"))
}

fn make(password: &str, salt: [u8; 16], cost: Cost) -> Option<String> {
    let params = Params::new(cost.kib, cost.passes, 1, None).ok()?;
    let salt = SaltString::encode_b64(&salt).ok()?;
    let output = digest(password, salt.as_salt(), params.clone())?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).ok()?,
        salt: Some(salt.as_salt()),
        hash: Some(output),
    };
    Some(hash.to_string())
}

/// Whether `phc` is a hash that [`verify`] can use.
pub fn is_hash(phc: &str) -> bool {
    read(phc).is_some()
}

/// Whether `password` is the one that `phc` was made of.
pub fn verify(password: &str, phc: &str) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    let Some((hash, params)) = read(phc) else {
        return false;
    };
    let (Some(salt), Some(wanted)) = (hash.salt, hash.hash) else {
        return false;
    };
    // `Output` compares in constant time.
    digest(password, salt, params).is_some_and(|output| output == wanted)
}

fn read(phc: &str) -> Option<(PasswordHash<'_>, Params)> {
    let hash = PasswordHash::new(phc).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let is_ours = hash.algorithm == Algorithm::Argon2id.ident()
        && hash.salt.is_some()
        && hash.hash.is_some()
        && params.m_cost() <= MOST.0
        && params.t_cost() <= MOST.1;
    is_ours.then_some((hash, params))
}

fn digest(password: &str, salt: Salt<'_>, params: Params) -> Option<Output> {
    let mut salted = [0; Salt::RECOMMENDED_LENGTH * 4];
    let salt = salt.decode_b64(&mut salted).ok()?;
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Output::init_with(length, |out| {
        let made = argon.hash_password_into(password.as_bytes(), salt, out);
        made.map_err(|_| argon2::password_hash::Error::Password)
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { kib: 8, passes: 1 };

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let phc = hash("correct horse", [3; 16], CHEAP).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        assert!(verify("correct horse", &phc));
        for wrong in ["correct hors", "Correct horse", "", "correct horse "] {
            assert!(!verify(wrong, &phc), "{wrong:?}");
        }
        assert_ne!(phc, hash("correct horse", [4; 16], CHEAP).unwrap());
    }

    #[test]
    fn a_hash_of_the_reference_implementation_is_read() {
        // From the known answers of the reference implementation's own test.
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verify("password", phc));
        assert!(!verify("passwore", phc));
    }

    #[test]
    fn too_short_and_too_long_are_refused() {
        assert_eq!(hash("1234567", [0; 16], CHEAP), Err(Unfit::Short));
        assert_eq!(hash("かきくけこさし", [0; 16], CHEAP), Err(Unfit::Short));
        assert!(hash("かきくけこさしす", [0; 16], CHEAP).is_ok());
        assert_eq!(hash(&"x".repeat(257), [0; 16], CHEAP), Err(Unfit::Long));
        assert!(!verify(&"x".repeat(257), "anything"));
    }

    #[test]
    fn a_file_that_is_none_of_ours_lets_nobody_in() {
        let good = hash("correct horse", [3; 16], CHEAP).unwrap();
        let costly = good.replace("m=8,", "m=4000000,");
        let other = good.replace("argon2id", "argon2i");
        for bad in [
            "",
            "correct horse",
            "$argon2id$",
            &costly,
            &other,
            &good[..40],
        ] {
            assert!(!is_hash(bad) && !verify("correct horse", bad), "{bad:?}");
        }
        assert!(is_hash(&good));
    }
}
