//! Handles: pointers that are numbers.
//!
//! What C holds as `standfast_client *` is never an address. It is a number with four parts: the type, a count of forks, a
//! slot of a table with the slot's generation, and, for replies, the node of the tree. Every call looks the number up; a
//! number that is wrong in any part is an error and never undefined behaviour. A call keeps the object alive by an `Arc`,
//! so that freeing it at the same time on another thread is harmless. The reasons are in
//! `core/docs/decisions/0001-handles.md`. What the objects do is not known here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once};

use standfast::{Client, Error, ErrorKind, Logs, Queue, Result, Subscription};

use crate::arena::Arena;
use crate::client::standfast_client;
use crate::logs::standfast_logs;
use crate::options::{OpenOptions, standfast_options};
use crate::queue::standfast_queue;
use crate::reply::standfast_reply;
use crate::subscription::{ChannelList, standfast_channels, standfast_subscription};

/// A type of the header, and what stands behind its handles.
pub(crate) trait Handle: Sized {
    /// The object.
    type Target: Send + Sync + 'static;
    /// The type, in the number.
    const TAG: Tag;
    /// Where the objects of this type are.
    fn table(tables: &Tables) -> &Table<Self::Target>;
}

macro_rules! handles {
    ($( $handle:ty => $target:ty, $tag:ident, $table:ident; )*) => {
        $( impl Handle for $handle {
            type Target = $target;
            const TAG: Tag = Tag::$tag;
            fn table(tables: &Tables) -> &Table<$target> {
                &tables.$table
            }
        } )*
    };
}

handles! {
    standfast_options => OpenOptions, Options, options;
    standfast_client => Client, Client, clients;
    standfast_channels => ChannelList, Channels, channels;
    standfast_subscription => Subscription, Subscription, subscriptions;
    standfast_queue => Queue, Queue, queues;
    standfast_logs => Logs, Logs, logs;
}

/// The type of a handle. Never 0, so that a handle is neither NULL nor an address of a user's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    Options = 1,
    Client = 2,
    Channels = 3,
    Subscription = 4,
    Queue = 5,
    /// A reply of up to 2^20 nodes.
    Reply = 6,
    /// A reply of more nodes: fewer slots, more bits for the node.
    LargeReply = 7,
    /// The last error of a thread; see `error.rs`.
    Error = 8,
    Logs = 9,
}

impl Tag {
    fn from_bits(bits: u64) -> Option<Tag> {
        [
            Tag::Options,
            Tag::Client,
            Tag::Channels,
            Tag::Subscription,
            Tag::Queue,
            Tag::Reply,
            Tag::LargeReply,
            Tag::Error,
            Tag::Logs,
        ]
        .into_iter()
        .find(|tag| *tag as u64 == bits)
    }

    fn name(self) -> &'static str {
        match self {
            Tag::Options => "options",
            Tag::Client => "client",
            Tag::Channels => "channels",
            Tag::Subscription => "subscription",
            Tag::Queue => "queue",
            Tag::Reply | Tag::LargeReply => "reply",
            Tag::Error => "error",
            Tag::Logs => "logs",
        }
    }

    const fn slot_bits(self) -> u32 {
        match self {
            Tag::LargeReply => 12,
            _ => 22,
        }
    }

    const fn node_bits(self) -> u32 {
        GENERATION_SHIFT - self.slot_bits()
    }
}

/// The parts of a number, from the top: tag 4 bits, epoch 2, generation 16, slot and node 42 together.
const TAG_SHIFT: u32 = 60;
const EPOCH_SHIFT: u32 = 58;
const GENERATION_SHIFT: u32 = 42;
const EPOCHS: u32 = 1 << (TAG_SHIFT - EPOCH_SHIFT);

/// A number, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Id {
    tag: Tag,
    epoch: u32,
    generation: u16,
    slot: u32,
    node: u32,
}

impl Id {
    fn bits(self) -> u64 {
        (self.tag as u64) << TAG_SHIFT
            | u64::from(self.epoch) << EPOCH_SHIFT
            | u64::from(self.generation) << GENERATION_SHIFT
            | u64::from(self.slot) << self.tag.node_bits()
            | u64::from(self.node)
    }

    fn from_bits(bits: u64) -> Option<Id> {
        let part = |shift: u32, width: u32| bits >> shift & ((1 << width) - 1);
        let tag = Tag::from_bits(bits >> TAG_SHIFT)?;
        Some(Id {
            tag,
            epoch: part(EPOCH_SHIFT, TAG_SHIFT - EPOCH_SHIFT) as u32,
            generation: part(GENERATION_SHIFT, EPOCH_SHIFT - GENERATION_SHIFT) as u16,
            slot: part(tag.node_bits(), tag.slot_bits()) as u32,
            node: part(0, tag.node_bits()) as u32,
        })
    }

    fn pointer<H>(self) -> *mut H {
        // A number without provenance: nobody may dereference it, and nobody does.
        std::ptr::without_provenance_mut(self.bits() as usize)
    }

    /// Take a handle apart that must be of one of these types and of this process.
    fn read<H>(pointer: *const H, expected: &[Tag]) -> Result<Id> {
        let wanted = expected[0].name();
        if pointer.is_null() {
            return Err(Error::new(ErrorKind::NullArgument, format!("the {wanted} is NULL")));
        }
        let Some(id) = Id::from_bits(pointer.addr() as u64) else {
            return Err(invalid(format!("this is not a handle; a {wanted} is expected")));
        };
        if !expected.contains(&id.tag) {
            return Err(invalid(format!("this handle is of type {}; a {wanted} is expected", id.tag.name())));
        }
        if id.epoch != current_epoch() {
            return Err(Error::new(
                ErrorKind::Forked,
                format!("the {wanted} was made before fork() and belongs to the parent process"),
            ));
        }
        Ok(id)
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidHandle, text)
}

fn gone(tag: Tag) -> Error {
    invalid(format!("the {} was freed, or never existed", tag.name()))
}

/// Give an object a handle.
pub(crate) fn insert<H: Handle>(target: H::Target) -> Result<*mut H> {
    let tables = tables();
    let (slot, generation) = H::table(tables).insert(Arc::new(target), H::TAG)?;
    Ok(Id { tag: H::TAG, epoch: tables.epoch, generation, slot, node: 0 }.pointer())
}

/// The object of a handle.
pub(crate) fn find<H: Handle>(pointer: *const H) -> Result<Arc<H::Target>> {
    let id = Id::read(pointer, &[H::TAG])?;
    if id.node != 0 {
        return Err(gone(id.tag));
    }
    H::table(tables()).get(id.slot, id.generation).ok_or_else(|| gone(id.tag))
}

/// End a handle, and hand out its object for the last time. NULL has none.
pub(crate) fn remove<H: Handle>(pointer: *const H) -> Result<Option<Arc<H::Target>>> {
    if pointer.is_null() {
        return Ok(None);
    }
    let id = Id::read(pointer, &[H::TAG])?;
    if id.node != 0 {
        return Err(gone(id.tag));
    }
    H::table(tables()).remove(id.slot, id.generation).map(Some).ok_or_else(|| gone(id.tag))
}

const REPLIES: &[Tag] = &[Tag::Reply, Tag::LargeReply];

/// Give a reply tree a handle: one slot for the whole tree.
pub(crate) fn insert_reply(arena: Arena) -> Result<*mut standfast_reply> {
    let tag = match arena.len() {
        0..=0x10_0000 => Tag::Reply,
        0x10_0001..=0x4000_0000 => Tag::LargeReply,
        _ => return Err(Error::new(ErrorKind::Protocol, "a reply of more than 2^30 elements")),
    };
    let tables = tables();
    let (slot, generation) = tables.replies(tag).insert(Arc::new(arena), tag)?;
    Ok(Id { tag, epoch: tables.epoch, generation, slot, node: 0 }.pointer())
}

/// The tree of a reply, and the node that the handle stands for.
pub(crate) fn find_reply(pointer: *const standfast_reply) -> Result<(Arc<Arena>, usize)> {
    let id = Id::read(pointer, REPLIES)?;
    let arena = tables().replies(id.tag).get(id.slot, id.generation).ok_or_else(|| gone(id.tag))?;
    let node = id.node as usize;
    if node < arena.len() { Ok((arena, node)) } else { Err(gone(id.tag)) }
}

/// The handle of another node of the tree that this handle belongs to.
pub(crate) fn sibling(pointer: *const standfast_reply, node: usize) -> Result<*const standfast_reply> {
    let id = Id::read(pointer, REPLIES)?;
    match u32::try_from(node) {
        Ok(node) if u64::from(node) < 1 << id.tag.node_bits() => {
            Ok(Id { node, ..id }.pointer::<standfast_reply>().cast_const())
        }
        _ => Err(Error::new(ErrorKind::Internal, "a reply has more nodes than its handle can name")),
    }
}

/// End a reply tree. Only its root can be freed.
pub(crate) fn remove_reply(pointer: *const standfast_reply) -> Result<()> {
    if pointer.is_null() {
        return Ok(());
    }
    let id = Id::read(pointer, REPLIES)?;
    if id.node != 0 {
        return Err(invalid("an element of a reply is freed together with the reply".to_owned()));
    }
    tables().replies(id.tag).remove(id.slot, id.generation).map(drop).ok_or_else(|| gone(id.tag))
}

/// The handle of this thread's error with this number.
pub(crate) fn error_pointer<H>(number: u64) -> *const H {
    std::ptr::without_provenance(((Tag::Error as u64) << TAG_SHIFT | number) as usize)
}

/// How many objects have a handle.
pub(crate) fn live() -> usize {
    let Tables { epoch: _, before: _, options, clients, channels, subscriptions, queues, logs, replies, large_replies } =
        tables();
    options.live()
        + clients.live()
        + channels.live()
        + subscriptions.live()
        + queues.live()
        + logs.live()
        + replies.live()
        + large_replies.live()
}

/// Everything that has a handle, in this process.
pub(crate) struct Tables {
    /// How many forks lie between this process and the first one that used the library, modulo [`EPOCHS`].
    epoch: u32,
    /// The tables of the parent process: kept for leak checkers, never looked at, as another thread of the parent may have
    /// held their locks at the moment of the fork.
    #[expect(dead_code, reason = "held, not read")]
    before: *const Tables,
    options: Table<OpenOptions>,
    clients: Table<Client>,
    channels: Table<ChannelList>,
    subscriptions: Table<Subscription>,
    queues: Table<Queue>,
    logs: Table<Logs>,
    replies: Table<Arena>,
    large_replies: Table<Arena>,
}

impl Tables {
    fn replies(&self, tag: Tag) -> &Table<Arena> {
        match tag {
            Tag::LargeReply => &self.large_replies,
            _ => &self.replies,
        }
    }
}

// SAFETY: `before` is the only part that is not shared safely by itself, and it is never dereferenced.
unsafe impl Sync for Tables {}

static FORKS: AtomicU32 = AtomicU32::new(0);
static CURRENT: AtomicPtr<Tables> = AtomicPtr::new(std::ptr::null_mut());
static WATCH_FORKS: Once = Once::new();

fn current_epoch() -> u32 {
    FORKS.load(Ordering::Relaxed) % EPOCHS
}

/// The tables of this process. A forked child gets new ones: the old ones may be locked by threads that it does not have.
fn tables() -> &'static Tables {
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: what CURRENT points to was leaked below, or is NULL.
    if let Some(tables) = unsafe { current.as_ref() }
        && tables.epoch == current_epoch()
    {
        return tables;
    }
    new_tables(current)
}

#[cold]
fn new_tables(before: *mut Tables) -> &'static Tables {
    WATCH_FORKS.call_once(|| {
        // Failing means that memory is short; then forks go unnoticed here, and the core's own check remains.
        // SAFETY: the handler is async-signal-safe: it only adds to an atomic.
        let _ = unsafe { pthread_atfork(None, None, Some(forked)) };
    });
    let mine = Box::into_raw(Box::new(Tables {
        epoch: current_epoch(),
        before,
        options: Table::new(),
        clients: Table::new(),
        channels: Table::new(),
        subscriptions: Table::new(),
        queues: Table::new(),
        logs: Table::new(),
        replies: Table::new(),
        large_replies: Table::new(),
    }));
    match CURRENT.compare_exchange(before, mine, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just leaked, and never freed.
        Ok(_) => unsafe { &*mine },
        Err(theirs) => {
            // SAFETY: another thread was faster, so nobody else has seen `mine`; `theirs` was leaked by that thread.
            unsafe {
                drop(Box::from_raw(mine));
                &*theirs
            }
        }
    }
}

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

type Hook = Option<extern "C" fn()>;

unsafe extern "C" {
    fn pthread_atfork(prepare: Hook, parent: Hook, child: Hook) -> std::ffi::c_int;
}

const SHARD_BITS: u32 = 4;
const SHARDS: usize = 1 << SHARD_BITS;

/// A slot is used again only when this many slots of its shard are free, the longest free one first. Together with the 16
/// bits of the generation, a number comes round after at least 67 million handles.
const RESTING: usize = 1024;

/// The objects of one type. Sharded, so that threads do not meet at one lock.
pub(crate) struct Table<T> {
    shards: [Mutex<Shard<T>>; SHARDS],
    live: AtomicUsize,
}

struct Shard<T> {
    entries: Vec<Entry<T>>,
    free: VecDeque<u32>,
}

struct Entry<T> {
    generation: u16,
    // Invariant: `None` exactly when the entry's index is in `free`.
    object: Option<Arc<T>>,
}

fn lock<T>(shard: &Mutex<Shard<T>>) -> MutexGuard<'_, Shard<T>> {
    // A shard is valid at every step, so a panic inside does no harm to the next caller.
    shard.lock().unwrap_or_else(|poison| poison.into_inner())
}

impl<T> Table<T> {
    fn new() -> Table<T> {
        Table {
            shards: std::array::from_fn(|_| Mutex::new(Shard { entries: Vec::new(), free: VecDeque::new() })),
            live: AtomicUsize::new(0),
        }
    }

    fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    fn insert(&self, object: Arc<T>, tag: Tag) -> Result<(u32, u16)> {
        let home = home_shard();
        for at in 0..SHARDS {
            let shard = (home + at) % SHARDS;
            if let Some((index, generation)) = lock(&self.shards[shard]).insert(&object, tag.slot_bits() - SHARD_BITS) {
                self.live.fetch_add(1, Ordering::Relaxed);
                return Ok((index << SHARD_BITS | shard as u32, generation));
            }
        }
        Err(Error::new(
            ErrorKind::QueueFull,
            format!("{} objects of type {} are held; free some", 1_u32 << tag.slot_bits(), tag.name()),
        ))
    }

    fn get(&self, slot: u32, generation: u16) -> Option<Arc<T>> {
        let shard = lock(&self.shards[slot as usize % SHARDS]);
        let entry = shard.entries.get((slot >> SHARD_BITS) as usize)?;
        if entry.generation == generation { entry.object.clone() } else { None }
    }

    fn remove(&self, slot: u32, generation: u16) -> Option<Arc<T>> {
        let index = slot >> SHARD_BITS;
        let mut shard = lock(&self.shards[slot as usize % SHARDS]);
        let entry = shard.entries.get_mut(index as usize)?;
        if entry.generation != generation {
            return None;
        }
        // The object is dropped by the caller, after the lock: its end may take time.
        let object = entry.object.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        shard.free.push_back(index);
        self.live.fetch_sub(1, Ordering::Relaxed);
        Some(object)
    }
}

impl<T> Shard<T> {
    fn insert(&mut self, object: &Arc<T>, index_bits: u32) -> Option<(u32, u16)> {
        let full = self.entries.len() >= 1 << index_bits;
        if self.free.len() <= RESTING && !full {
            let index = self.entries.len() as u32;
            self.entries.push(Entry { generation: 0, object: Some(Arc::clone(object)) });
            return Some((index, 0));
        }
        let index = self.free.pop_front()?;
        let entry = &mut self.entries[index as usize];
        entry.object = Some(Arc::clone(object));
        Some((index, entry.generation))
    }
}

/// The shard that this thread puts its objects into.
fn home_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static HOME: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
    // A thread that is ending has no thread-local values any more.
    HOME.try_with(|home| *home).unwrap_or(0)
}

#[cfg(test)]
#[path = "handle_tests.rs"]
mod tests;
