/**
 * A real Sentinel topology to test your own code against: start it, break it, wait for what follows.
 *
 * The servers are real `redis-server` and `redis-sentinel` processes on loopback, started by the command `standfast-lab`; they are gone
 * when the {@link Lab} is closed, and when this process dies in whatever way. Needed are `redis-server` (or what `STANDFAST_LAB_SERVER`
 * names) and `standfast-lab`, which is looked for in `STANDFAST_LAB`, in this package's folder, and on `PATH`; `cargo install standfast-lab` builds it.
 *
 * Lengths of time are milliseconds, moments are milliseconds since 1970 as `Date.now()` counts them, addresses are `host:port`.
 * Whatever fails rejects with {@link LabError}. Requests are answered one after another. A lab does not keep the process alive; a call that waits does.
 */

/** The lab could not do what was asked, did not answer, or is not there. */
export class LabError extends Error {
  readonly name: 'LabError';
}

/** How many servers a lab has, and how its sentinels behave. */
export interface LabOptions {
  /** 0 to 5; 2 unless given. */
  replicas?: number;
  /** 1 to 5; 3 unless given. */
  sentinels?: number;
  /** How many sentinels must agree that the master is down; a majority unless given. */
  quorum?: number;
  /** `down-after-milliseconds`, 1000 unless given. */
  downAfter?: number;
  /** `failover-timeout`, 5000 unless given. */
  failoverTimeout?: number;
  /** `mymaster` unless given. */
  masterName?: string;
  /** The default user's password on the data nodes. */
  password?: string;
  /** The default user's password on the sentinels. */
  sentinelPassword?: string;
  /** A proxy in front of every server, for `fault`, `partition` and `traffic`. */
  proxied?: boolean;
  /** Names of further masters under the same sentinels, with one replica each. */
  moreMasters?: string[];
  /** More arguments for every data node, as on `redis-server`'s command line. */
  serverArgs?: string[];
}

/** A further master under the same sentinels. */
export interface Topology {
  url: string;
  nodes: string[];
  master: string;
}

/** Something that was done to a server, or that it did. */
export interface Happened {
  node: string;
  at: number;
}

/** A line of the timeline: a fault (`source` is `lab`), a sentinel's event, or a node's first write. */
export interface Entry {
  at: number;
  source: string;
  kind: string;
  detail: string;
}

/** What went through a server's proxy: connections and bytes. */
export interface Count {
  open: number;
  total: number;
  toServer: number;
  toClient: number;
}

/** What became of one published message. */
export interface Published {
  /** The message is this number, in digits. */
  n: number;
  at: number;
  /** When it was answered, or had failed. */
  done: number;
  node: string | null;
  /** How many heard it; null if it failed. */
  receivers: number | null;
  error: string | null;
}

/** Which bytes a fault is for. */
export type Direction = 'both' | 'to_server' | 'to_client';

/** What is wrong with the connections to a server; see the lab's README. */
export type FaultKind =
  | { kind: 'swallow'; direction?: Direction }
  | { kind: 'cut'; direction: Exclude<Direction, 'both'>; after: number }
  | { kind: 'delay'; ms: number }
  | { kind: 'drop_pushes'; channel: string }
  | { kind: 'answer'; text: string }
  | { kind: 'reroute'; to: string }
  | { kind: 'black_hole' | 'reset' | 'half_open' | 'refuse' };

/** A fault, and for which connections: all of them unless said. */
export type Fault = FaultKind & {
  /** Whose connections: `all`, `clients`, `peers` (the lab's other servers), or a server's address. */
  side?: string;
  /** Only for so many new connections. */
  next?: number;
  /** Only for the newest connection. */
  newest?: boolean;
};

/** A reply of a server, as JSON can tell it. */
export type RawReply = string | number | null | RawReply[];

/** A master, its replicas and sentinels that agree. */
export class Lab {
  private constructor();
  /** Start servers; fulfilled when every sentinel agrees. */
  static start(options?: LabOptions): Promise<Lab>;

  readonly url: string;
  readonly sentinels: string[];
  readonly nodes: string[];
  readonly masterName: string;
  readonly moreMasters: Record<string, Topology>;
  /** Of the servers. */
  readonly version: string;

  /** The node that most sentinels call the master. */
  master(): Promise<string>;
  /** Execute a command at the master, past Standfast and past all faults of connections. */
  redis(...args: Array<string | number>): Promise<RawReply>;
  /** The same at a node or a sentinel. */
  redisAt(node: string, ...args: Array<string | number>): Promise<RawReply>;
  /** What went to a node or a sentinel. */
  traffic(node: string): Promise<{ clients: Count; peers: Count }>;

  /** SIGKILL. */
  killMaster(): Promise<Happened>;
  /** SIGSTOP: it keeps its connections and says nothing. */
  stopMaster(): Promise<Happened>;
  /** SIGTERM; fulfilled when it has ended. */
  shutdownMaster(): Promise<Happened>;
  /** SIGKILL, for a node or a sentinel. */
  killNode(node: string): Promise<Happened>;
  /** SIGSTOP, for a node or a sentinel. */
  stopNode(node: string): Promise<Happened>;
  /** SIGTERM, for a node or a sentinel; fulfilled when it has ended. */
  shutdownNode(node: string): Promise<Happened>;
  /** SIGCONT, for one server or for all that were stopped. */
  cont(node?: string): Promise<void>;
  /** Start a dead server again at its address; a node comes back as a replica of the present master. */
  restart(node: string): Promise<Happened>;
  /** `SENTINEL FAILOVER`; `node` is the old master. */
  plannedFailover(masterName?: string): Promise<Happened>;
  /** Make a sentinel watch another node under the same name. */
  remonitor(sentinel: string, node: string): Promise<Happened>;
  /** Replace sentinels, or all of them, by new ones at their addresses that know nothing but the present masters. */
  redeploy(sentinels?: string[]): Promise<void>;

  /** Disturb the connections to a node or a sentinel, from now on; needs `proxied`. */
  fault(node: string, fault: Fault): Promise<Happened>;
  /** Let nothing pass between two groups of servers; needs `proxied`. */
  partition(some: string[], others: string[]): Promise<void>;
  /** End the faults of connections, at one server or everywhere. */
  healFaults(node?: string): Promise<void>;
  /** Mend everything as quickly as it can be done; the master. */
  heal(): Promise<string>;

  /** Wait until everything runs and every sentinel agrees, and change nothing; the master. Limits are 30 000 unless given. */
  waitHealthy(timeout?: number): Promise<string>;
  /** Wait until every running node follows one master; the master. */
  waitReplicating(timeout?: number): Promise<string>;
  /** Wait until every running replica has confirmed what the master has written by now. */
  waitReplicated(timeout?: number): Promise<void>;
  /** Wait for the first write that another node took after the latest fault of a master. */
  waitWritable(timeout?: number): Promise<Happened>;
  /** Wait for an entry of the timeline, such as `+switch-master`. */
  waitEvent(kind: string, options?: { since?: number; timeout?: number }): Promise<Entry>;
  /** Everything that happened, by time. */
  timeline(since?: number): Promise<Entry[]>;
  /** Publish 0, 1, 2, … at the master, whoever that is, without Standfast, one message `every` 5 ms unless given. */
  publisher(channel: string, every?: number): Promise<Publisher>;

  /** Send the command a request of its own language, as in the lab's README; its answer. */
  ask(request: string, parameters?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** End the servers and the command. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Publishes numbered messages, so that what was missed can be counted. */
export class Publisher {
  private constructor();
  /** End it, once; what became of each message. */
  stop(): Promise<Published[]>;
}

/** The path of the command `standfast-lab`. */
export function labProgram(): string;
