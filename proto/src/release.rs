//! Which release of this software a node runs. It is said beside each sign of life, so that who owns a gateway hears that
//! theirs is old, and who runs a coordinator sees whose.

use std::fmt;

/// A release: what stands in front of `+` and `-` in its version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Release {
    /// Grows when what worked may need another configuration.
    pub major: u8,
    /// Grows with what is new.
    pub minor: u8,
    /// Grows with what was mended.
    pub patch: u8,
}

impl Release {
    /// This one.
    pub const OURS: Self = Self {
        major: number(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: number(env!("CARGO_PKG_VERSION_MINOR")),
        patch: number(env!("CARGO_PKG_VERSION_PATCH")),
    };

    /// Who says nothing has one from before it was said: it is written as 0.0.0, which never was one.
    pub fn known(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Digits, as the build gives them. More than 255 does not build.
const fn number(text: &str) -> u8 {
    let (digits, mut value, mut at) = (text.as_bytes(), 0_u8, 0);
    while at < digits.len() {
        value = value * 10 + (digits[at] - b'0');
        at += 1;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_release_is_the_build_s_and_releases_have_an_order() {
        assert_eq!(Release::OURS.to_string(), env!("CARGO_PKG_VERSION"));
        assert_eq!(number("207"), 207);
        let of = |major, minor, patch| Release {
            major,
            minor,
            patch,
        };
        assert!(of(0, 10, 0) > of(0, 9, 9) && of(1, 0, 0) > of(0, 10, 0));
        assert_eq!(of(0, 0, 0).known(), None);
        assert_eq!(of(0, 0, 1).known(), Some(of(0, 0, 1)));
    }
}
