//! What `NativeMethods.cs` imports is in the header, with as many parameters, and what the header has is imported.
//! That the library exports what the header has is a test of `bindings-c`.

use std::collections::BTreeMap;

use standfast_drift::read;

#[test]
fn csharp_imports_what_the_header_declares() {
    let header = functions(&without_comments(&read("bindings-c/include/standfast.h")), "");
    let imports = functions(&without_comments(&read("bindings-c/csharp/Standfast/NativeMethods.cs")), "extern ");
    assert!(header.len() > 20, "the header declares {} functions: is it read rightly?", header.len());
    assert_eq!(imports, header);
}

/// Every `standfast_...(a, b);` on whose line stands `mark`, with its number of parameters.
fn functions(source: &str, mark: &str) -> BTreeMap<String, usize> {
    let flat = source.split_whitespace().collect::<Vec<_>>().join(" ");
    flat.split(';')
        .filter(|statement| statement.contains(mark))
        .filter_map(|statement| {
            // Attributes such as [MarshalAs(...)] have parentheses of their own: the name is what comes before one.
            let (at, _) = statement.match_indices('(').find(|(at, _)| name_before(&statement[..*at]).is_some())?;
            Some((name_before(&statement[..at])?.to_owned(), parameters(&statement[at + 1..])))
        })
        .collect()
}

fn name_before(text: &str) -> Option<&str> {
    let start = text.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    Some(&text[start..]).filter(|name| name.starts_with("standfast_"))
}

/// The parameters up to the parenthesis that closes the list.
fn parameters(list: &str) -> usize {
    let mut depth = 0;
    let mut commas = 0;
    let mut text = String::new();
    for c in list.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => commas += 1,
            _ => {}
        }
        text.push(c);
    }
    match text.trim() {
        "" | "void" => 0,
        _ => commas + 1,
    }
}

fn without_comments(source: &str) -> String {
    let mut text = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("/*") {
        text.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let kept =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).filter(|line| !line.starts_with('#'));
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn parameters_are_counted_in_both_languages() {
    let c = "/* standfast_no(x); */\nint32_t standfast_a(void);\nint32_t standfast_b(const standfast_client *c,\n  size_t n);";
    let cs = "[DllImport(Library, ExactSpelling = true)]\ninternal static extern int standfast_a();\n\
        internal static extern int standfast_b([MarshalAs(UnmanagedType.LPUTF8Str)] string c, // a, b\n UIntPtr n);";
    let expected = BTreeMap::from([("standfast_a".to_owned(), 0), ("standfast_b".to_owned(), 2)]);
    assert_eq!(functions(&without_comments(c), ""), expected);
    assert_eq!(functions(&without_comments(cs), "extern "), expected);
}
