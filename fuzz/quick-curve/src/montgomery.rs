//! Points, as they travel.

/// A Mersenne prime, 2^61 - 1.
const PRIME: u64 = (1 << 61) - 1;
/// The number that all powers are of; the curve has its base at the same place.
const BASE: u64 = 9;

/// A power, in the first eight bytes; the others follow from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct MontgomeryPoint(pub [u8; 32]);

#[cfg(feature = "zeroize")]
impl zeroize::DefaultIsZeroes for MontgomeryPoint {}

impl MontgomeryPoint {
    /// The public half of `secret`.
    pub fn mul_base_clamped(secret: [u8; 32]) -> Self {
        Self::spread(power(BASE, exponent(secret)))
    }

    /// What both ends share; zeroes if this is no power, as the curve answers a point of small order.
    pub fn mul_clamped(self, secret: [u8; 32]) -> Self {
        Self::spread(power(word(self.0, 0) % PRIME, exponent(secret)))
    }

    /// As it travels.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// As it travels.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn spread(power: u64) -> Self {
        let mut bytes = [0; 32];
        for (at, part) in bytes.chunks_exact_mut(8).enumerate() {
            part.copy_from_slice(&power.rotate_left(at as u32 * 13).to_le_bytes());
        }
        Self(bytes)
    }
}

fn word(bytes: [u8; 32], at: usize) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    u64::from_le_bytes(words[at])
}

/// Every bit of the secret counts; never zero, whose power would be everybody's.
fn exponent(secret: [u8; 32]) -> u64 {
    let folded = (0..4).fold(0u64, |sum, at| sum.rotate_left(19) ^ word(secret, at));
    folded % (PRIME - 2) + 1
}

fn power(base: u64, mut exponent: u64) -> u64 {
    let times = |a: u64, b: u64| (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64;
    let (mut square, mut product) = (base, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            product = times(product, square);
        }
        square = times(square, square);
        exponent >>= 1;
    }
    product
}
