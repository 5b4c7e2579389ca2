//! When something was published, as finely as readers can tell: a version, and how often its pages got new positions since.
//!
//! Merging chunks replaces a version's root by another one of the same version: every entry is as it was, other pages hold it. Which pages a snapshot needs depends on which of the two it got.
//! So snapshots hold moments, and pages live from one moment to another. A moment means something to one open store alone and stands in no file: pages say the version that they were born in.

use crate::format::Version;

/// Bits for the roots of one version: 2^24 of them, in each of which 256 KiB of pages moved, are 4 TiB. The other 40 count 10^12 commits since the store was opened.
const STEP_BITS: u32 = 24;

/// A moment: the number of commits since the open (what was replayed is one), and of the roots of that version before this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    /// Of the root that was opened. What was before it is one moment: 0.
    pub(crate) const OPENED: Moment = Moment(1 << STEP_BITS);

    /// Of the first root of the version that is committed next; none after 2^40 of them.
    pub(crate) fn next(self) -> Option<Moment> {
        let commits = self.0 >> STEP_BITS;
        (commits < u64::MAX >> STEP_BITS).then_some(Moment((commits + 1) << STEP_BITS))
    }

    /// Of the next root of the same version; none if it had as many as it can have.
    pub(crate) fn step(self) -> Option<Moment> {
        let next = Moment(self.0.checked_add(1)?);
        (next.first() == self.first()).then_some(next)
    }

    /// Of the first root of this version.
    pub(crate) fn first(self) -> Moment {
        Moment(self.0 >> STEP_BITS << STEP_BITS)
    }

    /// Of the first root of `version`, if this is a root of `here`, which is not older. Of one that was before the open: 0, or a moment that nobody held.
    pub(crate) fn of(self, here: Version, version: Version) -> Moment {
        let back = here.0.saturating_sub(version.0);
        Moment((self.0 >> STEP_BITS).saturating_sub(back) << STEP_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments ascend as roots are published, and a version is found again from any later root.
    #[test]
    fn moments_ascend() {
        let opened = Moment::OPENED;
        let moved = opened.step().expect("the first step");
        let next = moved.next().expect("a commit");
        assert!(Moment::default() < opened && opened < moved && moved < next && Some(next) < next.next());
        assert_eq!((moved.first(), next.first()), (opened, next));
        let here = next.step().expect("a step");
        assert_eq!(here.of(Version(8), Version(8)), next);
        assert_eq!(here.of(Version(8), Version(7)), opened);
        assert_eq!((here.of(Version(8), Version(6)), here.of(Version(8), Version(0))), (Moment(0), Moment(0)));
        assert_eq!(Moment((1 << (STEP_BITS + 1)) - 1).step(), None, "no step leaves its version");
        assert_eq!(Moment(u64::MAX).next(), None, "a moment that stands still would be held and let go for another");
    }
}
