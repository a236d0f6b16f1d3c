//! The log trait, its contract suite and the embedded segment log.
