//! The relay's decisions as a state machine without I/O.
