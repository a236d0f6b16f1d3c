//! Browser rooms hosted by Sameroom itself.
