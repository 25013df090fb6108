//! Scenarios on real servers: see `tests/` and `scenarios.md`.
