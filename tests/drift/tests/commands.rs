//! What is made of `core/commands` is what its generator writes.

use standfast_drift::{
    commands::{Table, csharp, facts, node, python, vectors},
    must_be,
};

#[test]
fn the_core_has_the_facts() {
    must_be("core/src/command/table.rs", &facts::text(&Table::load()));
}

#[test]
fn python_has_the_methods_and_their_types() {
    let table = Table::load();
    must_be("bindings-python/python/standfast/_commands.py", &python::module(&table));
    must_be("bindings-python/python/standfast/_commands.pyi", &python::stub(&table, false));
    must_be("bindings-python/python/standfast/aio/_commands.pyi", &python::stub(&table, true));
}

#[test]
fn node_has_the_methods_and_their_types() {
    let table = Table::load();
    must_be("bindings-node/lib/commands.js", &node::module(&table));
    must_be("bindings-node/commands.d.ts", &node::types(&table));
}

#[test]
fn csharp_has_the_methods_of_everyday_use() {
    must_be("bindings-c/csharp/Standfast/Commands.cs", &csharp::text(&Table::load()));
}

#[test]
fn the_vectors_are_those_of_the_table() {
    must_be("tests/vectors/commands.json", &vectors::text(&Table::load()));
}
