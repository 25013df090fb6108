//! The test kits of Python, Node and C# can do what the command `standfast-lab` can: each of its requests is in its README and in every kit.

use standfast_drift::read;

/// Requests that are no method of that name: how the kits call them.
const OTHERWISE: [(&str, &str, &str, &str); 3] = [
    ("start", "__init__", "start", "Start"),
    ("stop", "close", "close", "Dispose"),
    ("publisher_start", "publisher", "publisher", "Publisher"),
];

/// The requests, as the command reads them.
fn requests() -> Vec<String> {
    let command = read("tests/lab/src/bin/standfast-lab.rs");
    let variants = command.split("enum Request {").nth(1).unwrap().split("\n}").next().unwrap();
    let mut found = Vec::new();
    for line in variants.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     ")) {
        let name: String = line.trim().chars().take_while(|c| c.is_alphanumeric()).collect();
        if !name.is_empty() {
            found.push(snake(&name));
        }
    }
    assert!(found.len() > 25, "{found:?}");
    found
}

#[test]
fn the_readme_lists_every_request_and_no_other() {
    let readme = read("tests/lab/README.md");
    let table = readme.split("| `do` |").nth(1).unwrap().split("\n\n").next().unwrap();
    let cells = table.lines().skip(2).filter_map(|row| row.split('|').nth(1));
    let mut listed: Vec<String> =
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    let mut known = requests();
    listed.sort();
    known.sort();
    assert_eq!(listed, known);
}

#[test]
fn every_kit_has_every_request() {
    let python = read("bindings-python/python/standfast/testing.py");
    let (node, types) = (read("bindings-node/testing.js"), read("bindings-node/testing.d.ts"));
    let csharp = read("bindings-c/csharp/Standfast.Testing/Lab.cs")
        + &read("bindings-c/csharp/Standfast.Testing/Lab.Waiting.cs");
    for request in requests() {
        if request == "publisher_stop" {
            continue; // The publisher's own `stop`, which all tests of failovers use.
        }
        let (in_python, in_node, in_csharp) = names(&request);
        assert!(python.contains(&format!("def {in_python}(")), "Python has no {in_python}");
        assert!(node.contains(&format!(" {in_node}(")), "Node has no {in_node}");
        assert!(types.contains(&format!(" {in_node}(")), "Node's types have no {in_node}");
        assert!(csharp.contains(&format!(" {in_csharp}(")), "C# has no {in_csharp}");
    }
}

fn names(request: &str) -> (String, String, String) {
    if let Some((_, python, node, csharp)) = OTHERWISE.iter().find(|names| names.0 == request) {
        return ((*python).into(), (*node).into(), (*csharp).into());
    }
    let pascal: String = request.split('_').map(capital).collect();
    let camel = pascal[..1].to_lowercase() + &pascal[1..];
    (request.to_owned(), camel, pascal)
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
