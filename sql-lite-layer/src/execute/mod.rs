//! Runs plans: one operator a file, each pulling rows from those below into the slots of one frame.
