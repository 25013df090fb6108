//! Which subscriptions a message is for. Names are shared: a message costs no allocation for its channel.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Target;
use crate::link::published::Kind;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    channels: HashMap<Arc<[u8]>, Route>,
    patterns: HashMap<Arc<[u8]>, Route>,
    shards: HashMap<Arc<[u8]>, Route>,
}

/// The subscriptions to one channel or pattern.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) target: Target,
    pub(crate) members: Vec<u64>,
    /// How many of them listen to two nodes.
    pub(crate) redundant: usize,
    /// The channel of the last message: with a pattern many may follow on the same one.
    last: Arc<[u8]>,
}

impl Route {
    /// The name of a message's channel, shared with the message before.
    pub(crate) fn channel(&mut self, name: &[u8]) -> Arc<[u8]> {
        if *self.last != *name {
            self.last = name.into();
        }
        Arc::clone(&self.last)
    }
}

impl Routes {
    fn of(&self, kind: Kind) -> &HashMap<Arc<[u8]>, Route> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shards,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut HashMap<Arc<[u8]>, Route> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    pub(crate) fn get(&self, kind: Kind, name: &[u8]) -> Option<&Route> {
        self.of(kind).get(name)
    }

    pub(crate) fn get_mut(&mut self, kind: Kind, name: &[u8]) -> Option<&mut Route> {
        self.of_mut(kind).get_mut(name)
    }

    /// The subscriptions to this.
    pub(crate) fn members(&self, target: &Target) -> &[u64] {
        self.get(target.kind, &target.name).map_or(&[], |route| &route.members)
    }

    pub(crate) fn add(&mut self, target: &Target, member: u64, redundant: bool) {
        let route = self.of_mut(target.kind).entry(Arc::clone(&target.name)).or_insert_with(|| Route {
            target: target.clone(),
            members: Vec::new(),
            redundant: 0,
            last: Arc::clone(&target.name),
        });
        route.members.push(member);
        route.redundant += usize::from(redundant);
    }

    pub(crate) fn remove(&mut self, target: &Target, member: u64, redundant: bool) {
        let routes = self.of_mut(target.kind);
        let Some(route) = routes.get_mut(&target.name) else { return };
        route.members.retain(|id| *id != member);
        route.redundant -= usize::from(redundant);
        if route.members.is_empty() {
            routes.remove(&target.name);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shards.is_empty()
    }

    /// Everything that anybody wants, or only what is wanted from two nodes.
    pub(crate) fn targets(&self, redundant: bool) -> BTreeSet<Target> {
        let all = [&self.channels, &self.patterns, &self.shards].into_iter().flat_map(HashMap::values);
        all.filter(|route| !redundant || route.redundant > 0).map(|route| route.target.clone()).collect()
    }
}
