//! Rooms beyond what the contract suite asks.
