//! Outbound HTTP with time-outs, body caps and address rules.
