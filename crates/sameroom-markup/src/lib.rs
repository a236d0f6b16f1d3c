//! Operations on the rich-text tree: dialects, splitting, sanitising.
