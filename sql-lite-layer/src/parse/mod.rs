//! Text to our own small tree of a statement. The only room that names the parser crate.
//!
//! 1. Nothing of the crate's tree leaves this room: its interface changes with every release.
//! 2. Length, tokens and nesting are capped before they are parsed: a deep tree is never built, so that it need never be dropped.
//! 3. What the tree cannot say is refused here, with the place, as `Unsupported`: nothing is silently left out.

pub(crate) mod ast;
