//! Looking at a store from outside: what stands where in its file, which commits its log still holds, who it is.
//!
//! For tools and for people; nothing here is on the way of a read or a write. A picture is of one moment, taken under the locks of the books that it
//! is made from; nothing is kept.

pub(crate) mod commits;
pub(crate) mod identity;
pub(crate) mod layout;
