//! What is made of `core/commands` is what its generator writes.

use standfast_drift::{
    commands::{Table, facts},
    must_be,
};

#[test]
fn the_core_has_the_facts() {
    must_be("core/src/command/table.rs", &facts::text(&Table::load()));
}
