//! A command that is encoded word by word, for bindings: what a language gives as text is written once, where it is sent from.

use super::request::Request;
use crate::error::{Error, ErrorKind, Result};

/// So many words need no memory of their own to be looked at.
const FEW: usize = 16;

/// Encodes a command whose number of words is known beforehand. See [`Request::new`] for words that are bytes already.
#[derive(Debug)]
pub struct Words {
    bytes: Vec<u8>,
    count: usize,
    /// Where each word is.
    places: Vec<(usize, usize)>,
}

impl Words {
    /// Begin a command of so many words, its name included; `size`: about how many bytes they have, to be right at once.
    #[must_use]
    pub fn new(count: usize, size: usize) -> Words {
        let mut bytes = Vec::with_capacity(16 + count * 8 + size);
        header(&mut bytes, b'*', count);
        Words { bytes, count, places: Vec::with_capacity(count) }
    }

    /// The next word.
    pub fn push(&mut self, word: &[u8]) {
        header(&mut self.bytes, b'$', word.len());
        let start = self.bytes.len();
        self.bytes.extend_from_slice(word);
        self.places.push((start, self.bytes.len()));
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// The command.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when there is not even a name, or another number of words than was said.
    pub fn into_request(self) -> Result<Request> {
        let Words { bytes, count, places } = self;
        if places.len() != count {
            return Err(Error::new(ErrorKind::InvalidArgument, "the command has another number of words than it said"));
        }
        if places.first().is_none_or(|(start, end)| start == end) {
            return Err(Error::new(ErrorKind::InvalidArgument, "a command needs a name"));
        }
        if count <= FEW {
            let mut words: [&[u8]; FEW] = [&[]; FEW];
            for (word, (start, end)) in words.iter_mut().zip(&places) {
                *word = &bytes[*start..*end];
            }
            return Ok(Request::encoded(&bytes, &words[..count]));
        }
        let words: Vec<&[u8]> = places.iter().map(|(start, end)| &bytes[*start..*end]).collect();
        Ok(Request::encoded(&bytes, &words))
    }
}

/// `*3\r\n`, `$11\r\n`
pub(super) fn header(out: &mut Vec<u8>, mark: u8, number: usize) {
    let mut text = [0; 24];
    let mut at = text.len() - 2;
    text[at..].copy_from_slice(b"\r\n");
    let mut left = number;
    loop {
        at -= 1;
        text[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    at -= 1;
    text[at] = mark;
    out.extend_from_slice(&text[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&[u8]]) -> Words {
        let mut made = Words::new(words.len(), 0);
        words.iter().for_each(|word| made.push(word));
        made
    }

    #[test]
    fn words_become_the_same_request_as_a_list_of_them() {
        let many: Vec<String> = (0..1234).map(|n| "x".repeat(n % 120)).collect();
        let many: Vec<&[u8]> = std::iter::once(&b"rpush"[..]).chain(many.iter().map(String::as_bytes)).collect();
        for list in [&many[..], &many[..FEW], &many[..=FEW], &[b"get", b"\r\n\0\xff"]] {
            let made = words(list).into_request().unwrap();
            let request = Request::new(list).unwrap();
            assert_eq!((made.bytes(), made.name()), (request.bytes(), request.name()));
            assert_eq!(made.reads_only(), request.reads_only());
        }
    }

    #[test]
    fn a_command_without_a_name_or_with_missing_words_is_refused() {
        let mut missing = Words::new(2, 0);
        missing.push(b"get");
        for wrong in [words(&[]), words(&[b"", b"k"]), missing] {
            assert_eq!(wrong.into_request().unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }
}
