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

        /// <summary>The same without a thread that waits.</summary>
        public Task<Value> ExecuteAsync(params object[] arguments) => ExecuteAsync(CancellationToken.None, arguments);

        /// <summary>The same. A cancelled command that had been sent fails with MaybeExecuted, any other is cancelled.</summary>
        public Task<Value> ExecuteAsync(CancellationToken cancellation, params object[] arguments) =>
            completions.Send(arguments, NativeMethods.DefaultTimeout, cancellation);

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

        /// <summary>What the client knows about itself and its servers.</summary>
        public Status Status()
        {
            ReplyHandle reply = null;
            Call(native => NativeMethods.standfast_client_status(native, out reply));
            return new Status(reply.Take());
        }

        /// <summary>The data nodes that the sentinels report, with what each sentinel thinks of them.</summary>
        public IReadOnlyList<Node> Nodes()
        {
            ReplyHandle reply = null;
            Call(native => NativeMethods.standfast_client_nodes(native, out reply));
            return reply.Take().Items.Select(fields => new Node(fields)).ToList();
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

        /// <summary>The same for a call that waits for a server.</summary>
        private void Wait(Func<ClientHandle, int> call)
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
