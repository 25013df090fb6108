//! Things under way, found by a key in one step. A key is never given out twice: what it stood for may be gone, but it never
//! stands for something else.

/// Where something is, and which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    fn new(place: u32, serial: u32) -> Key {
        Key(u64::from(serial) << 32 | u64::from(place))
    }

    fn place(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }

    fn serial(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// As a token of the engine.
    pub(crate) fn token(self) -> u64 {
        self.0
    }

    pub(crate) fn from_token(token: u64) -> Key {
        Key(token)
    }
}

#[derive(Debug)]
struct Slot<T> {
    serial: u32,
    value: Option<T>,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// One count for all places, so that places may be given back.
    serial: u32,
}

/// Beyond so many places they are given back when nothing is under way.
const KEEP: usize = 1024;

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { slots: Vec::new(), free: Vec::new(), serial: 0 }
    }
}

impl<T> Slots<T> {
    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = Slot { serial, value: Some(value) };
                Key::new(place, serial)
            }
            None => {
                // More than 2^32 commands never wait at once: each takes more than a byte.
                let place = self.slots.len() as u32;
                self.slots.push(Slot { serial, value: Some(value) });
                Key::new(place, serial)
            }
        }
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot<T>> {
        self.slots.get_mut(key.place()).filter(|slot| slot.serial == key.serial())
    }

    pub(crate) fn get(&mut self, key: Key) -> Option<&mut T> {
        self.slot(key)?.value.as_mut()
    }

    pub(crate) fn contains(&self, key: Key) -> bool {
        self.slots.get(key.place()).is_some_and(|slot| slot.serial == key.serial() && slot.value.is_some())
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let value = self.slot(key)?.value.take()?;
        self.free.push(key.place() as u32);
        if self.is_empty() && self.slots.len() > KEEP {
            self.slots = Vec::new();
            self.free = Vec::new();
        }
        Some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.slots.into_iter().filter_map(|slot| slot.value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(place, slot)| slot.value.as_ref().map(|value| (Key::new(place as u32, slot.serial), value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_stands_for_something_else() {
        let mut slots = Slots::default();
        let first = slots.insert("a");
        assert_eq!(slots.remove(first), Some("a"));
        let second = slots.insert("b");
        assert!(slots.get(first).is_none() && slots.remove(first).is_none());
        assert_eq!(slots.len(), 1);
        assert!(slots.contains(second) && !slots.contains(first));
        assert_eq!(slots.iter().map(|(key, value)| (key, *value)).collect::<Vec<_>>(), [(second, "b")]);
    }

    #[test]
    fn places_are_given_back_after_a_crowd_and_old_keys_stay_dead() {
        let mut slots = Slots::default();
        let keys: Vec<Key> = (0..=KEEP).map(|number| slots.insert(number)).collect();
        assert!(keys.iter().all(|key| slots.remove(*key).is_some()));
        assert_eq!(slots.slots.capacity(), 0);
        slots.insert(7);
        assert!(keys.iter().all(|key| !slots.contains(*key)));
    }
}
