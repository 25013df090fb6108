//! The name of a command as messages show it: in upper case, never long, and without an allocation, because every command has one and hardly any is
//! ever shown.

use std::fmt;

const LONGEST: usize = 32;

/// The first word of a command.
#[derive(Clone, Copy, Default)]
pub(crate) struct Name {
    // Invariant: the first `length` bytes are UTF-8.
    bytes: [u8; LONGEST],
    length: u8,
}

impl Name {
    /// What is not UTF-8 is replaced, what is too long is cut off.
    pub(crate) fn of(word: &[u8]) -> Name {
        if word.is_ascii() { Name::cut(word) } else { Name::cut(String::from_utf8_lossy(word).as_bytes()) }
    }

    fn cut(text: &[u8]) -> Name {
        let mut end = text.len().min(LONGEST);
        // Not in the middle of a character.
        while end < text.len() && text[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        let mut bytes = [0; LONGEST];
        bytes[..end].copy_from_slice(&text[..end]);
        bytes[..end].make_ascii_uppercase();
        Name { bytes, length: end as u8 }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_in_upper_case_whatever_it_was() {
        assert_eq!(Name::of(b"get").as_str(), "GET");
        assert_eq!(Name::of(b"").as_str(), "");
        assert_eq!(Name::of(b"x\xff").as_str(), "X\u{fffd}");
        let long = "a".repeat(31) + "\u{e4}\u{e4}";
        assert_eq!(Name::of(long.as_bytes()).as_str(), "A".repeat(31));
        assert_eq!(Name::of(&[b'a'; 40]).as_str(), "A".repeat(32));
    }
}
