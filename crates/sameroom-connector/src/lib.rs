//! The contract that every platform implements.
