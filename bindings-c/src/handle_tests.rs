//! The table of handles against a model, and every accessor against handles that nobody gave out.

use std::collections::HashMap;

use proptest::prelude::*;
use standfast::Value;

use super::*;
use crate::client::{standfast_client_close, standfast_client_free};
use crate::error::{STANDFAST_OK, standfast_error_code, standfast_last_error, standfast_status};
use crate::options::{standfast_options_free, standfast_options_new, standfast_options_set};
use crate::queue::{standfast_queue_close, standfast_queue_free};
use crate::reply::{
    self, STANDFAST_TYPE_NONE, STANDFAST_TYPE_STRING, standfast_reply, standfast_reply_boolean, standfast_reply_count,
    standfast_reply_double, standfast_reply_element, standfast_reply_error_code, standfast_reply_free,
    standfast_reply_get, standfast_reply_integer, standfast_reply_key, standfast_reply_length, standfast_reply_string,
    standfast_reply_type, standfast_reply_value,
};
use crate::subscription::{
    standfast_channels_add, standfast_channels_free, standfast_channels_new, standfast_subscription_close,
    standfast_subscription_free,
};

/// What a random caller does to a table.
#[derive(Clone, Debug)]
enum Step {
    Insert(u32),
    /// Look up, or remove, the handle of this age; older than the first means one that was never given out.
    Get(usize),
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => any::<u32>().prop_map(Step::Insert),
        3 => (0_usize..80).prop_map(Step::Get),
        3 => (0_usize..80).prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn table_agrees_with_a_map(steps in steps()) {
        let table = Table::new();
        let mut given: Vec<(u32, u16)> = Vec::new();
        let mut model: HashMap<(u32, u16), u32> = HashMap::new();
        for step in steps {
            let handle = |age: usize| given.iter().rev().nth(age).copied().unwrap_or((77 << SHARD_BITS, 9));
            match step {
                Step::Insert(value) => {
                    let handle = table.insert(Arc::new(value), Tag::Options).unwrap();
                    prop_assert!(model.insert(handle, value).is_none(), "a live handle was given out twice");
                    given.push(handle);
                }
                Step::Get(age) => {
                    let (slot, generation) = handle(age);
                    let found = table.get(slot, generation).map(|value| *value);
                    prop_assert_eq!(found, model.get(&(slot, generation)).copied());
                }
                Step::Remove(age) => {
                    let (slot, generation) = handle(age);
                    let removed = table.remove(slot, generation).map(|value| *value);
                    prop_assert_eq!(removed, model.remove(&(slot, generation)));
                }
            }
            prop_assert_eq!(table.live(), model.len());
        }
    }

    #[test]
    fn a_number_comes_apart_as_it_was_put_together(
        bits in any::<u64>(),
        tag in prop::sample::select(vec![Tag::Client, Tag::Reply, Tag::LargeReply, Tag::Error]),
    ) {
        let bits = bits & ((1 << TAG_SHIFT) - 1) | (tag as u64) << TAG_SHIFT;
        let id = Id::from_bits(bits).unwrap();
        prop_assert_eq!(id.tag, tag);
        prop_assert_eq!(id.bits(), bits);
    }

    #[test]
    fn any_number_is_a_harmless_reply(
        high in 0_u64..16, generation in 0_u64..3, slot in 0_u64..64, node in 0_u64..4, noise in any::<u64>(),
        index in prop_oneof![0_usize..4, any::<usize>()],
    ) {
        // Numbers that nobody gave out, most of them close to those that were. One may by chance be a live reply of
        // another test; then its accessors answer, which is right as well.
        let near = high << TAG_SHIFT | generation << GENERATION_SHIFT | slot << Tag::Reply.node_bits() | node;
        for bits in [near, noise] {
            let reply: *const standfast_reply = std::ptr::without_provenance(bits as usize);
            standfast_reply_type(reply);
            standfast_reply_integer(reply);
            standfast_reply_double(reply);
            standfast_reply_boolean(reply);
            prop_assert!(!standfast_reply_string(reply).is_null());
            prop_assert!(!standfast_reply_error_code(reply).is_null());
            standfast_reply_length(reply);
            standfast_reply_count(reply);
            standfast_reply_element(reply, index);
            standfast_reply_key(reply, index);
            standfast_reply_value(reply, index);
            // SAFETY: the key is text with a NUL behind it.
            unsafe { standfast_reply_get(reply, c"key".as_ptr()) };
        }
    }

    #[test]
    fn any_call_with_any_handle_gives_the_status_of_the_model(calls in calls()) {
        let mut given = vec![Given { bits: 0, made_as: None, live: false }];
        for call in calls {
            let (result, expected) = match call {
                Call::Make(kind) => {
                    given.push(Given { bits: kind.make(), made_as: Some(kind), live: true });
                    continue;
                }
                Call::Use(kind, which) => {
                    let handle = &given[which % given.len()];
                    (kind.touch(handle.bits), handle.expected(kind))
                }
                Call::Free(kind, which) => {
                    let at = which % given.len();
                    let handle = &mut given[at];
                    let expected = if handle.bits == 0 { STANDFAST_OK } else { handle.expected(kind) };
                    handle.live &= expected != STANDFAST_OK;
                    (kind.free(handle.bits), expected)
                }
            };
            prop_assert_eq!(result, expected, "{:?} in {:?}", call, given);
        }
        for handle in given.iter().filter(|handle| handle.live) {
            prop_assert_eq!(handle.made_as.unwrap().free(handle.bits), STANDFAST_OK);
        }
    }
}

/// The kinds of handles that can be made without a server, and those that can only be pretended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Options,
    Channels,
    Reply,
    Client,
    Subscription,
    Queue,
}

impl Kind {
    fn make(self) -> usize {
        // SAFETY: text with a NUL behind it, and a place for the result.
        unsafe {
            match self {
                Kind::Options => {
                    let mut out = std::ptr::null_mut();
                    assert_eq!(standfast_options_new(c"redis://nowhere".as_ptr(), &raw mut out), STANDFAST_OK);
                    out.addr()
                }
                Kind::Channels => {
                    let mut out = std::ptr::null_mut();
                    assert_eq!(standfast_channels_new(&raw mut out), STANDFAST_OK);
                    out.addr()
                }
                _ => reply::insert(Value::Int(1)).unwrap().addr(),
            }
        }
    }

    /// A call that needs the handle and nothing else.
    fn touch(self, bits: usize) -> standfast_status {
        // SAFETY: text with a NUL behind it.
        unsafe {
            match self {
                Kind::Options => standfast_options_set(pointer(bits), c"command_timeout".as_ptr(), c"1s".as_ptr()),
                Kind::Channels => standfast_channels_add(pointer(bits), c"news".as_ptr().cast(), 4),
                Kind::Reply => match standfast_reply_integer(pointer(bits)) {
                    1 => STANDFAST_OK,
                    _ => standfast_error_code(standfast_last_error()),
                },
                Kind::Client => standfast_client_close(pointer(bits)),
                Kind::Subscription => standfast_subscription_close(pointer(bits)),
                Kind::Queue => standfast_queue_close(pointer(bits)),
            }
        }
    }

    fn free(self, bits: usize) -> standfast_status {
        match self {
            Kind::Options => standfast_options_free(pointer(bits)),
            Kind::Channels => standfast_channels_free(pointer(bits)),
            Kind::Reply => standfast_reply_free(pointer(bits)),
            Kind::Client => standfast_client_free(pointer(bits)),
            Kind::Subscription => standfast_subscription_free(pointer(bits)),
            Kind::Queue => standfast_queue_free(pointer(bits)),
        }
    }
}

fn pointer<H>(bits: usize) -> *mut H {
    std::ptr::without_provenance_mut(bits)
}

/// A handle that the test was given, and whether it is still to work.
#[derive(Clone, Debug)]
struct Given {
    bits: usize,
    made_as: Option<Kind>,
    live: bool,
}

impl Given {
    fn expected(&self, used_as: Kind) -> standfast_status {
        match self {
            Given { bits: 0, .. } => ErrorKind::NullArgument.code(),
            Given { live: true, made_as, .. } if *made_as == Some(used_as) => STANDFAST_OK,
            _ => ErrorKind::InvalidHandle.code(),
        }
    }
}

#[derive(Clone, Debug)]
enum Call {
    Make(Kind),
    Use(Kind, usize),
    Free(Kind, usize),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let makeable = prop::sample::select(vec![Kind::Options, Kind::Channels, Kind::Reply]);
    // Twice those that can be right, so that right calls are not rare.
    let any_kind = prop::sample::select(vec![
        Kind::Options,
        Kind::Options,
        Kind::Channels,
        Kind::Channels,
        Kind::Reply,
        Kind::Reply,
        Kind::Client,
        Kind::Subscription,
        Kind::Queue,
    ]);
    let call = prop_oneof![
        makeable.prop_map(Call::Make),
        (any_kind.clone(), any::<usize>()).prop_map(|(kind, which)| Call::Use(kind, which)),
        (any_kind, any::<usize>()).prop_map(|(kind, which)| Call::Free(kind, which)),
    ];
    prop::collection::vec(call, 1..100)
}

#[test]
fn a_number_is_not_used_again_soon() {
    let table = Table::new();
    let mut seen = std::collections::HashSet::new();
    for at in 0..200_000_u32 {
        let handle = table.insert(Arc::new(at), Tag::Options).unwrap();
        assert!(seen.insert(handle), "handle {handle:?} came back after {at} others");
        table.remove(handle.0, handle.1).unwrap();
    }
    let shard = &lock(&table.shards[home_shard()]);
    assert!(shard.entries.len() <= RESTING + 1, "{} entries for one live object", shard.entries.len());
}

#[test]
fn a_full_table_says_so() {
    let table = Table::new();
    let tag = Tag::LargeReply;
    let handles: Vec<_> = (0..1 << tag.slot_bits()).map(|at| table.insert(Arc::new(at), tag).unwrap()).collect();
    assert_eq!(table.insert(Arc::new(-1), tag).unwrap_err().kind(), ErrorKind::QueueFull);
    table.remove(handles[17].0, handles[17].1).unwrap();
    let again = table.insert(Arc::new(-2), tag).unwrap();
    assert_eq!(again.0, handles[17].0);
    assert_eq!(table.get(handles[17].0, handles[17].1), None);
}

#[test]
fn threads_do_not_meet_each_others_objects() {
    let table = Table::new();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let table = &table;
            scope.spawn(move || {
                for round in 0..20_000 {
                    let value = thread << 24 | round;
                    let (slot, generation) = table.insert(Arc::new(value), Tag::Options).unwrap();
                    assert_eq!(table.get(slot, generation).as_deref(), Some(&value));
                    assert_eq!(table.remove(slot, generation).as_deref(), Some(&value));
                    assert!(table.get(slot, generation).is_none() && table.remove(slot, generation).is_none());
                }
            });
        }
    });
    assert_eq!(table.live(), 0);
}

#[test]
fn a_child_of_a_freed_reply_is_harmless() {
    let value = Value::Array(vec![Value::Int(1), Value::BulkString(b"two".to_vec())]);
    let reply = reply::insert(value).unwrap();
    let child = standfast_reply_element(reply, 1);
    assert_eq!(standfast_reply_type(child), STANDFAST_TYPE_STRING);
    assert_eq!(standfast_reply_length(child), 3);
    assert_eq!(standfast_reply_free(child.cast_mut()), ErrorKind::InvalidHandle.code());
    assert!(standfast_reply_element(reply, 2).is_null());
    assert_eq!(standfast_reply_free(reply), 0);
    assert_eq!(standfast_reply_type(child), STANDFAST_TYPE_NONE);
    assert_eq!(standfast_reply_length(child), 0);
    assert_eq!(standfast_reply_free(reply), ErrorKind::InvalidHandle.code());
    assert_eq!(standfast_reply_free(std::ptr::null_mut()), 0);
}

#[test]
fn a_large_reply_is_read_to_its_last_element() {
    let count = 0x10_0000;
    let reply = reply::insert(Value::Array((0..count).map(Value::Int).collect())).unwrap();
    assert_eq!(standfast_reply_count(reply), count as usize);
    for at in [0, 1, count - 1] {
        assert_eq!(standfast_reply_integer(standfast_reply_element(reply, at as usize)), at);
    }
    assert!(standfast_reply_element(reply, count as usize).is_null());
    assert_eq!(standfast_reply_free(reply), 0);
}

#[test]
fn a_handle_of_the_parent_process_is_told_from_a_freed_one() {
    // A child sees the same number with another count of forks.
    let mine = Id { tag: Tag::Client, epoch: current_epoch(), generation: 0, slot: 5, node: 0 };
    let parents = Id { epoch: (current_epoch() + 1) % EPOCHS, ..mine };
    assert_eq!(find::<standfast_client>(parents.pointer()).unwrap_err().kind(), ErrorKind::Forked);
    assert_eq!(find::<standfast_client>(mine.pointer()).unwrap_err().kind(), ErrorKind::InvalidHandle);
}
