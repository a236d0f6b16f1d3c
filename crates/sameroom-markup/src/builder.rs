//! Assembles a tree from what parsers find, in order.
