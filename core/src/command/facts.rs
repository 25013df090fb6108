//! What must be known about a command to say what became of it: whether it only reads, whether it blocks, and whether it
//! would change the link under everybody's feet. The table is what servers say of themselves, see `core/commands`.

use std::time::Duration;

use super::shape::Shape;
use super::table::COMMANDS;

/// What is known about a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// It may be sent again whatever became of it.
    pub(crate) reads_only: bool,
    /// It makes its link wait.
    pub(crate) blocks: Blocks,
    /// It would change the state of a link that others use, too.
    pub(crate) changes_link: bool,
    /// What RESP3 would have made of its reply.
    pub(crate) shape: Shape,
}

/// Whether, and how long, a command makes its link wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocks {
    No,
    For(Duration),
    Forever,
}

/// One line of the table.
pub(super) struct Entry {
    name: &'static str,
    marks: u8,
    wait: Wait,
    shapes: &'static [(When, Shape)],
}

/// It changes nothing at the server.
pub(super) const READS: u8 = 1;
/// It would change the state of its link.
pub(super) const STATEFUL: u8 = 2;
/// It has subcommands.
pub(super) const PARENT: u8 = 4;

/// Where a command says how long it makes its link wait.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    No,
    /// In the argument with this number.
    At(usize, Unit),
    /// In its last argument.
    Last(Unit),
    /// In milliseconds, behind the first word, if that comes before the second one.
    AfterWord(&'static [u8], &'static [u8]),
}

/// With which arguments a reply has a shape.
#[derive(Clone, Copy)]
pub(super) enum When {
    Always,
    /// With this word among them, behind the key.
    Word(&'static [u8]),
    /// With so many words in all, or more.
    Arguments(usize),
}

#[derive(Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

pub(super) const fn entry(name: &'static str, marks: u8, wait: Wait, shapes: &'static [(When, Shape)]) -> Entry {
    Entry { name, marks, wait, shapes }
}

/// The facts of a command, from its name and arguments. Nothing is known of a command that is not in the table, so it counts
/// as one that writes.
pub(crate) fn of(args: &[&[u8]]) -> Facts {
    let entry = find(args);
    let has = |mark| entry.is_some_and(|entry| entry.marks & mark != 0);
    Facts {
        reads_only: has(READS),
        blocks: entry.map_or(Blocks::No, |entry| blocks(entry.wait, args)),
        changes_link: has(STATEFUL),
        shape: entry.map_or(Shape::Same, |entry| shape(entry.shapes, args)),
    }
}

fn shape(shapes: &[(When, Shape)], args: &[&[u8]]) -> Shape {
    let holds = |when| match when {
        When::Always => true,
        When::Word(word) => args.iter().skip(2).any(|arg| arg.eq_ignore_ascii_case(word)),
        When::Arguments(count) => args.len() >= count,
    };
    shapes.iter().find(|(when, _)| holds(*when)).map_or(Shape::Same, |(_, shape)| *shape)
}

fn find(args: &[&[u8]]) -> Option<&'static Entry> {
    let mut name = Name::default();
    let entry = search(name.push(args.first()?)?)?;
    match args.get(1) {
        Some(sub) if entry.marks & PARENT != 0 => {
            name.push(b"|")?;
            search(name.push(sub)?)
        }
        _ => Some(entry),
    }
}

fn search(name: &[u8]) -> Option<&'static Entry> {
    COMMANDS.binary_search_by(|entry| entry.name.as_bytes().cmp(name)).ok().map(|at| &COMMANDS[at])
}

/// A name in lower case. No command has a longer one, and none costs an allocation.
#[derive(Default)]
struct Name {
    bytes: [u8; 32],
    length: usize,
}

impl Name {
    /// The name with this behind it; nothing when it is longer than any command's.
    fn push(&mut self, part: &[u8]) -> Option<&[u8]> {
        let room = self.bytes.get_mut(self.length..self.length + part.len())?;
        room.copy_from_slice(part);
        room.make_ascii_lowercase();
        self.length += part.len();
        Some(&self.bytes[..self.length])
    }
}

fn blocks(wait: Wait, args: &[&[u8]]) -> Blocks {
    match wait {
        Wait::No => Blocks::No,
        Wait::At(at, unit) => time(args.get(at), unit),
        Wait::Last(unit) => time(args.last(), unit),
        Wait::AfterWord(word, end) => {
            let found = args.iter().position(|arg| arg.eq_ignore_ascii_case(word) || arg.eq_ignore_ascii_case(end));
            match found {
                Some(at) if args[at].eq_ignore_ascii_case(word) => time(args.get(at + 1), Unit::Milliseconds),
                _ => Blocks::No,
            }
        }
    }
}

/// The time in this argument; what cannot be read is left to the server to refuse.
fn time(arg: Option<&&[u8]>, unit: Unit) -> Blocks {
    let unit = match unit {
        Unit::Seconds => 1.0,
        Unit::Milliseconds => 0.001,
    };
    let number = arg.and_then(|arg| std::str::from_utf8(arg).ok()).and_then(|text| text.parse::<f64>().ok());
    match number.map(|number| Duration::try_from_secs_f64(number * unit)) {
        Some(Ok(Duration::ZERO)) => Blocks::Forever,
        Some(Ok(time)) => Blocks::For(time),
        _ => Blocks::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(line: &str) -> Facts {
        of(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    #[test]
    fn the_table_is_sorted_and_every_name_fits() {
        assert!(COMMANDS.iter().is_sorted_by(|a, b| a.name < b.name));
        assert!(COMMANDS.iter().all(|entry| Name::default().push(entry.name.as_bytes()).is_some()));
    }

    #[test]
    fn reading_blocking_and_stateful_commands_are_known() {
        assert!(of_text("GeT k").reads_only);
        for line in
            ["PING", "INFO", "ECHO x", "ROLE", "TIME", "DBSIZE", "config get *", "Object Encoding k", "EVAL_RO x 0"]
        {
            assert!(of_text(line).reads_only, "{line}");
        }
        for line in
            ["SET k v", "GETEX k", "CONFIG SET a b", "SORT k", "EVAL x 0", "CONFIG", "NEW.COMMAND", "CLIENT NEW"]
        {
            assert!(!of_text(line).reads_only, "{line}");
        }
        assert_eq!(of_text("BLPOP a b 0.5").blocks, Blocks::For(Duration::from_millis(500)));
        assert_eq!(of_text("BLPOP a b 0").blocks, Blocks::Forever);
        assert_eq!(of_text("BLMOVE a b LEFT RIGHT 2").blocks, Blocks::For(Duration::from_secs(2)));
        assert_eq!(of_text("BZMPOP 3 1 z MIN COUNT 5").blocks, Blocks::For(Duration::from_secs(3)));
        assert_eq!(of_text("XREAD COUNT 1 BLOCK 250 STREAMS s $").blocks, Blocks::For(Duration::from_millis(250)));
        assert_eq!(of_text("XREAD STREAMS block 0").blocks, Blocks::No);
        assert_eq!(of_text("XREADGROUP GROUP g c BLOCK 0 STREAMS s >").blocks, Blocks::Forever);
        assert_eq!(of_text("WAIT 1 100").blocks, Blocks::For(Duration::from_millis(100)));
        assert_eq!(of_text("WAITAOF 1 1 100").blocks, Blocks::For(Duration::from_millis(100)));
        assert!(of_text("SUBSCRIBE x").changes_link && of_text("client reply off").changes_link);
        assert!(of_text("CLIENT TRACKING on").changes_link && of_text("multi").changes_link);
        assert!(!of_text("CLIENT LIST").changes_link && !of_text("CLIENT").changes_link);
    }

    #[test]
    fn the_shape_of_a_reply_follows_from_the_arguments() {
        for (line, shape) in [
            ("HGETALL h", Shape::Map),
            ("config get x", Shape::Map),
            ("ZRANGE z 0 -1", Shape::Same),
            ("ZRANGE z 0 -1 withscores", Shape::Scores),
            ("ZRANGE withscores 0 -1", Shape::Same),
            ("ZPOPMIN z", Shape::LastIsDouble),
            ("ZPOPMIN z 1", Shape::Scores),
            ("SPOP s", Shape::Same),
            ("SPOP s 1", Shape::Set),
            ("GET k", Shape::Same),
        ] {
            assert_eq!(of_text(line).shape, shape, "{line}");
        }
    }

    #[test]
    fn a_name_that_is_longer_than_any_command_is_unknown() {
        let long = "x".repeat(1000);
        for line in [long.clone(), format!("client {long}"), "client".to_owned() + &long] {
            assert!(!of_text(&line).reads_only && !of_text(&line).changes_link);
        }
    }
}
