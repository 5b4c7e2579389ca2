//! Randomness that can be given back.
//!
//! A test asks for its seed by name. Without `TREERING_SEED` the seed is the same in each run of one commit, so that a failure on
//! one machine is a failure on every other; a number repeats a run, and `random` draws a fresh one. The seed is printed at once:
//! the test harness shows it when the test fails.

use std::env;

/// Where a test's randomness begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The seed of the test with this name; prints how to repeat it.
    ///
    /// # Panics
    /// If `TREERING_SEED` is neither a number nor `random`.
    #[must_use]
    #[allow(clippy::print_stdout, reason = "a seed that is not printed is lost")]
    pub fn of(test: &str) -> Seed {
        let seed = Seed::choose(test, env::var("TREERING_SEED").ok().as_deref());
        println!("{test}: TREERING_SEED={}", seed.0);
        seed
    }

    fn choose(test: &str, given: Option<&str>) -> Seed {
        match given.map(str::trim) {
            None | Some("") => Seed(spread(test.bytes().fold(0, |sum, byte| spread(sum ^ u64::from(byte))))),
            Some("random") => Seed(fastrand::u64(..)),
            Some(number) => {
                let parsed = number.strip_prefix("0x").map_or_else(|| number.parse(), |hex| u64::from_str_radix(hex, 16));
                Seed(parsed.unwrap_or_else(|_| panic!("TREERING_SEED={number} is neither a number nor `random`")))
            }
        }
    }

    /// A seed that a failure printed.
    #[must_use]
    pub fn from_number(number: u64) -> Seed {
        Seed(number)
    }

    /// What to give back as `TREERING_SEED`.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The seed of the n-th part of a test, unrelated to those beside it.
    #[must_use]
    pub fn part(self, n: u64) -> Seed {
        Seed(spread(self.0 ^ spread(n)))
    }

    /// A generator that starts here.
    #[must_use]
    pub fn rng(self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0)
    }
}

/// Spreads neighbouring numbers over all of u64: the odd multiplier is 2^64 divided by the golden ratio.
fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One name, one seed; and a given number comes back as it was.
    #[test]
    fn seed_is_repeatable() {
        assert_eq!(Seed::choose("a", None), Seed::choose("a", None));
        assert_ne!(Seed::choose("a", None), Seed::choose("b", None));
        assert_eq!(Seed::choose("a", Some("17")).number(), 17);
        assert_eq!(Seed::choose("a", Some("0xff")).number(), 255);
        let draw = |seed: Seed| (0..8).map(|_| seed.rng().u64(..)).collect::<Vec<_>>();
        assert_eq!(draw(Seed(5)), draw(Seed(5)));
        assert_ne!(Seed(5).part(0), Seed(5).part(1));
    }

    /// A typing error does not silently test something else.
    #[test]
    #[should_panic(expected = "neither a number")]
    fn seed_that_is_no_number_is_refused() {
        let _ = Seed::choose("a", Some("12x"));
    }
}
