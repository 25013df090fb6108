// The client: commands, publishing, subscribing and reports. Each method converts its arguments, calls the C library and
// converts the result; what happens with a command is decided there.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Standfast
{
    /// <summary>A client of one Redis or Valkey master, found and followed through its sentinels. All methods may be called
    /// from any thread.</summary>
    public sealed class Client : Commands, IDisposable
    {
        private readonly ClientHandle handle;
        private readonly Completions completions;
        private readonly Faults faults;

        private Client(ClientHandle handle)
        {
            this.handle = handle;
            completions = new Completions(this);
            faults = new Faults(this);
            ProcessExit.Add(handle);
        }

        /// <summary>A handler of <see cref="RegisterSubscription"/> threw: the subscription goes on.</summary>
        public event EventHandler<HandlerFailedEventArgs> HandlerFailed
        {
            add { faults.Handler += value; }
            remove { faults.Handler -= value; }
        }

        /// <summary>Connect: wait for the first verified master, up to the option connect_deadline (10 s).</summary>
        /// <param name="url">"redis+sentinel://s1,s2,s3/mymaster", or "redis://host" without sentinels.</param>
        /// <param name="options">More options.</param>
        public static Client Connect(string url, ClientOptions options = null)
        {
            using (var native = ClientOptions.Open(url, options))
            {
                ClientHandle handle;
                StandfastException.Check(NativeMethods.standfast_connect(native, out handle));
                return new Client(handle);
            }
        }

        /// <summary>The same as <see cref="Connect"/>, without a thread that waits.</summary>
        public static async Task<Client> ConnectAsync(string url, ClientOptions options = null)
        {
            Client client;
            using (var native = ClientOptions.Open(url, options))
            {
                ClientHandle handle;
                StandfastException.Check(NativeMethods.standfast_client_open(native, out handle));
                client = new Client(handle);
            }
            try
            {
                await client.completions.Connected().ConfigureAwait(false);
                return client;
            }
            catch
            {
                client.Dispose();
                throw;
            }
        }

        /// <summary>Wait until there is a verified master.</summary>
        public void WaitReady(TimeSpan timeout) =>
            Wait(native => NativeMethods.standfast_client_wait_ready(native, NativeText.Wait(timeout)));

        /// <summary>Execute a command on the master: its name and its arguments, which are text, bytes or numbers.</summary>
        public Value Execute(params object[] arguments) => Execute(NativeMethods.DefaultTimeout, arguments);

        /// <summary>The same with a time-out of its own; <see cref="Timeout.InfiniteTimeSpan"/> is none.</summary>
        public Value Execute(TimeSpan timeout, params object[] arguments) => Execute(NativeText.Command(timeout), arguments);

        /// <summary>Execute a command that only reads where it is wanted: "master", "replica", "prefer_replica" or "any"; it goes
        /// before the option read_from. What may write goes to the master, whatever is said here.</summary>
        public Value ExecuteFrom(string readFrom, params object[] arguments)
        {
            ReplyHandle reply = null;
            using (var native = new NativeArguments(arguments))
            {
                var route = NativeText.Terminated(readFrom, "readFrom");
                Wait(client => NativeMethods.standfast_command_from(
                    client, route, native.Count, native.Pointers, native.Lengths, NativeMethods.DefaultTimeout, out reply));
            }
            return reply.Take();
        }

        /// <summary>The same without a thread that waits.</summary>
        public Task<Value> ExecuteAsync(params object[] arguments) => ExecuteAsync(CancellationToken.None, arguments);

        /// <summary>The same. A cancelled command that had been sent fails with MaybeExecuted, any other is cancelled.</summary>
        public Task<Value> ExecuteAsync(CancellationToken cancellation, params object[] arguments) =>
            completions.Send(arguments, NativeMethods.DefaultTimeout, cancellation);

        /// <summary>Execute a command of which twice is as good as once: if it may have been executed, it is sent again, inside its
        /// time, instead of failing with MaybeExecuted.</summary>
        public Value ExecuteIdempotent(params object[] arguments) =>
            new Unit(this, Unit.Command) { Idempotent = true }.Add(arguments).Single();

        /// <summary>Begin a pipeline: several commands in one write. Each has an outcome of its own; behind one that was executed
        /// nothing is sent again by itself.</summary>
        public Unit Pipeline() => new Unit(this, Unit.Pipeline);

        /// <summary>Begin a transaction: all of the commands or none, between MULTI and EXEC.</summary>
        public Unit Transaction() => new Unit(this, Unit.Transaction);

        /// <summary>A transaction that depends on what was read before it. The function reads with the methods of its first
        /// argument, which are executed at once, and adds commands to its second. They are executed if none of the keys was
        /// changed in the meantime, and otherwise the function is run again. TransactionAborted when time or attempts are used
        /// up: nothing was executed.</summary>
        /// <param name="keys">The keys.</param>
        /// <param name="function">May be run any number of times. What it throws ends it, and nothing is executed.</param>
        /// <param name="timeout">For all of it; the option command_timeout if none is given.</param>
        /// <param name="attempts">How often the function is run at the most; 0: as often as the time allows.</param>
        public IReadOnlyList<Value> Watch(
            IEnumerable<string> keys, Action<Now, Unit> function, TimeSpan? timeout = null, int attempts = 0)
        {
            if (keys == null || function == null)
            {
                throw StandfastException.Usage(ErrorCode.NullArgument, "the keys and the function must not be null");
            }
            if (attempts < 0)
            {
                throw StandfastException.Usage(ErrorCode.InvalidArgument, "attempts is 0 or more");
            }
            return Watching.Run(this, keys, function, timeout, attempts);
        }

        /// <summary>GET, as bytes; null when there is no such key.</summary>
        public byte[] GetBytes(string key) => Execute("GET", key).AsBytes();

        /// <summary>SET with an expiry.</summary>
        public void Set(string key, object value, TimeSpan expiry) =>
            Execute("SET", key, value, "PX", (long)Math.Ceiling(expiry.TotalMilliseconds));

        /// <summary>HSET of one field; gives 1 if it is new.</summary>
        public long HSet(string key, object field, object value) => Execute("HSET", key, field, value).AsInt64();

        /// <summary>Publish text or bytes; gives the number of subscribers that the master itself sent it to.</summary>
        public long Publish(string channel, object message)
        {
            var to = NativeText.Argument(channel, "the channel");
            var payload = NativeText.Argument(message, "the message");
            long receivers = 0;
            Wait(native => NativeMethods.standfast_publish(
                native, to, (UIntPtr)to.Length, payload, (UIntPtr)payload.Length, out receivers));
            return receivers;
        }

        /// <summary>Subscribe to channels. Returns at once; <see cref="Subscription.Ready"/> waits for the server's word.</summary>
        public Subscription Subscribe(params string[] channels) => Subscribe(new SubscriptionOptions(), channels);

        /// <summary>Subscribe to patterns.</summary>
        public Subscription PSubscribe(params string[] patterns) =>
            Subscribe(new SubscriptionOptions { Patterns = patterns });

        /// <summary>Subscribe to sharded channels: what is published there with SPUBLISH (servers from 7.0).</summary>
        public Subscription SSubscribe(params string[] channels) =>
            Subscribe(new SubscriptionOptions { Sharded = channels });

        /// <summary>Subscribe to channels and patterns, with options.</summary>
        public Subscription Subscribe(SubscriptionOptions options, params string[] channels)
        {
            if (options == null)
            {
                throw StandfastException.Usage(ErrorCode.NullArgument, "argument options is null");
            }
            using (var list = options.Open(channels))
            {
                SubscriptionHandle subscription = null;
                Call(native => NativeMethods.standfast_subscribe(native, list, out subscription));
                return new Subscription(subscription);
            }
        }

        /// <summary>Subscribe, and call a handler for each message, on a thread that belongs to this subscription: a slow
        /// handler delays only itself.</summary>
        /// <param name="channel">The channel.</param>
        /// <param name="handler">Gets the channel and the message. What it throws is told by <see cref="HandlerFailed"/>.</param>
        /// <param name="maxSilence">Longest time without a message before the connection is doubted.</param>
        /// <param name="notices">Gets each <see cref="Gap"/> and <see cref="Dropped"/>.</param>
        public Registration RegisterSubscription(
            string channel, Action<string, Message> handler, TimeSpan? maxSilence = null, Action<Item> notices = null)
        {
            if (handler == null)
            {
                throw StandfastException.Usage(ErrorCode.NullArgument, "argument handler is null");
            }
            var options = new SubscriptionOptions();
            if (maxSilence.HasValue)
            {
                options["max_silence"] = maxSilence.Value;
            }
            return new Registration(Subscribe(options, channel), channel, handler, notices, faults);
        }

        /// <summary>A lock: a key that holds the token of its owner for a time. Nothing is taken yet. A holder is told of a
        /// failover; that there is only one holder at every moment nobody can promise over asynchronous replication.</summary>
        /// <param name="key">The key.</param>
        /// <param name="ttl">After this time it ends unless it is extended.</param>
        /// <param name="token">Who the owner is; without one, nobody else has the same.</param>
        /// <param name="automatic">Extend it every third of its time while it is held, until it is disposed.</param>
        public Lock Lock(string key, TimeSpan ttl, string token = null, bool automatic = false)
        {
            var name = NativeText.Argument(key, "the key");
            var owner = token == null ? null : NativeText.Argument(token, "the token");
            LockHandle native = null;
            Call(client => NativeMethods.standfast_lock_open(
                client, name, (UIntPtr)name.Length, owner, (UIntPtr)(owner == null ? 0 : owner.Length),
                NativeText.Command(ttl), automatic ? 1 : 0, out native));
            return new Lock(this, native);
        }

        /// <summary>Take a lock. False: somebody else has it.</summary>
        public bool LockTake(string key, string token, TimeSpan ttl) => Once(key, token, ttl, held => held.Take());

        /// <summary>Extend a lock. False: this token does not have it.</summary>
        public bool LockExtend(string key, string token, TimeSpan ttl) => Once(key, token, ttl, held => held.Extend());

        /// <summary>Release a lock. False: this token does not have it.</summary>
        public bool LockRelease(string key, string token) => Once(key, token, TimeSpan.FromSeconds(1), held => held.Release());

        /// <summary>The token of whoever has a lock, or null.</summary>
        public string LockQuery(string key) => Execute("GET", key).AsString();

        /// <summary>The keys, from a healthy replica, or from the master where there is none. Each enumeration is a scan.</summary>
        public IEnumerable<string> ScanKeys(string match = null) => ScanKeys(new ScanOptions { Match = match });

        /// <summary>The same with options.</summary>
        public IEnumerable<string> ScanKeys(ScanOptions options) =>
            Scanned(options, "SCAN").Select(key => key.AsString());

        /// <summary>The fields of a hash, with their values.</summary>
        public IEnumerable<KeyValuePair<string, Value>> ScanHash(string key, ScanOptions options = null) =>
            Scanned(options, "HSCAN", key).Select(pair => new KeyValuePair<string, Value>(pair[0].AsString(), pair[1]));

        /// <summary>The members of a set.</summary>
        public IEnumerable<Value> ScanSet(string key, ScanOptions options = null) => Scanned(options, "SSCAN", key);

        /// <summary>The members of a sorted set, with their scores.</summary>
        public IEnumerable<KeyValuePair<string, double>> ScanSortedSet(string key, ScanOptions options = null) =>
            Scanned(options, "ZSCAN", key)
                .Select(pair => new KeyValuePair<string, double>(pair[0].AsString(), pair[1].AsDouble()));

        /// <summary>One of the nodes of <see cref="Nodes"/>, to be asked itself whatever its role is.</summary>
        public NodeClient Node(string address)
        {
            NodeHandle node = null;
            Call(native => NativeMethods.standfast_node_open(native, NativeText.Terminated(address, "the address"), out node));
            return new NodeClient(this, node);
        }

        /// <summary>One of the sentinels of <see cref="Status"/>, to be asked itself.</summary>
        public NodeClient Sentinel(string address)
        {
            NodeHandle node = null;
            Call(native => NativeMethods.standfast_sentinel_open(native, NativeText.Terminated(address, "the address"), out node));
            return new NodeClient(this, node);
        }

        /// <summary>What the client knows about itself and its servers.</summary>
        public Status Status()
        {
            ReplyHandle reply = null;
            Call(native => NativeMethods.standfast_client_status(native, out reply));
            return new Status(reply.Take());
        }

        /// <summary>Use other credentials from the next connection on, for passwords that change while the program runs.
        /// Connections that exist stay as they are, and nothing is interrupted. What was configured for this hop is forgotten.</summary>
        /// <param name="username">The user; null for the default one.</param>
        /// <param name="password">The password; null for none.</param>
        /// <param name="hop">"data" for the nodes, "sentinel" for the sentinels.</param>
        public void SetCredentials(string username, string password, string hop = "data")
        {
            var to = NativeText.Terminated(hop, "the hop");
            var user = username == null ? null : NativeText.Terminated(username, "the username");
            var secret = password == null ? null : NativeText.Terminated(password, "the password");
            Call(native => NativeMethods.standfast_client_set_credentials(native, to, user, secret));
        }

        /// <summary>The data nodes that the sentinels report, with what each sentinel thinks of them.</summary>
        public IReadOnlyList<Node> Nodes()
        {
            ReplyHandle reply = null;
            Call(native => NativeMethods.standfast_client_nodes(native, out reply));
            return reply.Take().Items.Select(fields => new Node(fields)).ToList();
        }

        /// <summary>Ask every sentinel and node, and say what is wrong with them or will be when something fails: the worst first, nothing if all is well.
        /// Changes nothing there, and takes four times the option connect_timeout at the most.</summary>
        public IReadOnlyList<Finding> Doctor()
        {
            ReplyHandle reply = null;
            Wait(native => NativeMethods.standfast_client_doctor(native, out reply));
            return reply.Take().Items.Select(fields => new Finding(fields)).ToList();
        }

        /// <summary>The next event; null when the time-out passes first.</summary>
        public Event NextEvent(TimeSpan timeout)
        {
            Value fields = null;
            ProcessExit.Wait(NativeText.Wait(timeout), slice =>
            {
                ReplyHandle reply = null;
                Call(native => NativeMethods.standfast_events_next(native, slice, out reply));
                fields = reply.Take();
                return fields != null;
            });
            return fields == null ? null : Event.From(fields);
        }

        /// <summary>Events as they happen, until the client is closed. All readers of a client share one position.</summary>
        public IEnumerable<Event> Events()
        {
            for (;;)
            {
                Event next;
                try
                {
                    next = NextEvent(Timeout.InfiniteTimeSpan);
                }
                catch (StandfastException ended) when (ended.Code == ErrorCode.EndOfStream || ended.Code == ErrorCode.Closed)
                {
                    yield break;
                }
                yield return next;
            }
        }

        /// <summary>End in order: new commands fail with Closed, those that were accepted are finished, then the client is closed.
        /// Fails with Timeout when something was still under way at the end of the time: it ended with the close.</summary>
        public void Drain(TimeSpan timeout)
        {
            try
            {
                Wait(native => NativeMethods.standfast_client_drain(native, NativeText.Wait(timeout)));
            }
            finally
            {
                Dispose();
            }
        }

        /// <summary>Close: whatever waits, on any thread, ends with Closed; subscriptions end.</summary>
        public void Dispose()
        {
            if (!handle.IsClosed)
            {
                try
                {
                    // First close, so that calls that hold the handle end; the last of them frees it.
                    NativeMethods.standfast_client_close(handle);
                }
                catch (ObjectDisposedException)
                {
                    // Another thread was faster.
                }
                completions.Close();
                handle.Dispose();
            }
        }

        /// <summary>Call the library with the handle, which stays valid until the call returns.</summary>
        internal void Call(Func<ClientHandle, int> call)
        {
            int status;
            try
            {
                status = call(handle);
            }
            catch (ObjectDisposedException)
            {
                throw StandfastException.ClosedClient();
            }
            StandfastException.Check(status);
        }

        private IEnumerable<Value> Scanned(ScanOptions options, params object[] what)
        {
            options = options ?? new ScanOptions();
            return Scanning.Items(this, options.Words(what), options.NodeChanged);
        }

        // The handle is freed, and not disposed: disposing would release the lock.
        private bool Once(string key, string token, TimeSpan ttl, Func<Lock, bool> call)
        {
            var held = Lock(key, ttl, token);
            try
            {
                return call(held);
            }
            finally
            {
                held.Forget();
            }
        }

        private bool Once(string key, string token, TimeSpan ttl, Action<Lock> call) => Once(key, token, ttl, held =>
        {
            try
            {
                call(held);
                return true;
            }
            catch (StandfastException refused) when (refused.Code == ErrorCode.LockNotHeld)
            {
                return false;
            }
        });

        /// <summary>The same for a call that waits for a server.</summary>
        internal void Wait(Func<ClientHandle, int> call)
        {
            handle.Enter();
            try
            {
                Call(call);
            }
            finally
            {
                handle.Leave();
            }
        }

        internal Task<Value> Send(UnitHandle unit, long timeoutMs, CancellationToken cancellation) =>
            completions.Send(unit, timeoutMs, cancellation);

        /// <summary>For the methods of commands.</summary>
        protected override Value Run(object[] words) => Execute(NativeMethods.DefaultTimeout, words);

        private Value Execute(long timeoutMs, object[] arguments)
        {
            using (var native = new NativeArguments(arguments))
            {
                ReplyHandle reply;
                int status;
                handle.Enter();
                try
                {
                    status = NativeMethods.standfast_command(
                        handle, native.Count, native.Pointers, native.Lengths, timeoutMs, out reply);
                    StandfastException.Check(status);
                }
                catch (ObjectDisposedException)
                {
                    throw StandfastException.ClosedClient();
                }
                finally
                {
                    handle.Leave();
                }
                return reply.Take();
            }
        }
    }
}
