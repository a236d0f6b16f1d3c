//! Plain data shared by every part: ids, rooms, events, deliveries, rich text, capabilities.
