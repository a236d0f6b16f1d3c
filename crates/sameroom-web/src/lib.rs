//! HTTP surface: pages, API, health, metrics and the connectors' routes.
