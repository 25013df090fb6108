// Several commands together: pipelines, transactions, and transactions over watched keys. Commands are collected here; what
// becomes of them is decided by the library.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Standfast
{
    /// <summary>Several commands in one write, made by <see cref="Client.Pipeline"/> or <see cref="Client.Transaction"/>. For one
    /// thread at a time.</summary>
    public sealed class Unit
    {
        internal const int Command = 0;
        internal const int Pipeline = 1;
        internal const int Transaction = 2;

        private readonly Client client;
        private readonly int kind;
        private readonly List<object[]> commands = new List<object[]>();

        internal Unit(Client client, int kind)
        {
            this.client = client;
            this.kind = kind;
        }

        /// <summary>Twice is as good as once: what may have been executed is sent again, inside its time, instead of failing
        /// with MaybeExecuted.</summary>
        public bool Idempotent { get; set; }

        /// <summary>How many commands were added.</summary>
        public int Count => commands.Count;

        /// <summary>Add a command: its name and its arguments. Nothing is sent yet.</summary>
        public Unit Add(params object[] arguments)
        {
            commands.Add(arguments);
            return this;
        }

        /// <summary>Send the commands and wait; one outcome for each of them, in their order. Without commands nothing is sent.</summary>
        /// <param name="timeout">For all of it; the option command_timeout if none is given.</param>
        /// <param name="throwOnError">Whether the first command that failed throws its error, whose
        /// <see cref="StandfastException.Outcomes"/> are those of all; otherwise errors are values of kind Error.</param>
        public IReadOnlyList<Value> Execute(TimeSpan? timeout = null, bool throwOnError = true)
        {
            if (commands.Count == 0)
            {
                return new Value[0];
            }
            using (var native = Open())
            {
                ReplyHandle reply = null;
                client.Wait(handle => NativeMethods.standfast_unit_send(handle, native, Milliseconds(timeout), out reply));
                return Outcomes(reply.Take(), throwOnError);
            }
        }

        /// <summary>The same without a thread that waits.</summary>
        public async Task<IReadOnlyList<Value>> ExecuteAsync(
            TimeSpan? timeout = null, bool throwOnError = true, CancellationToken cancellation = default(CancellationToken))
        {
            if (commands.Count == 0)
            {
                return new Value[0];
            }
            Task<Value> sent;
            using (var native = Open())
            {
                sent = client.Send(native, Milliseconds(timeout), cancellation);
            }
            return Outcomes(await sent.ConfigureAwait(false), throwOnError);
        }

        /// <summary>The one command of a unit that is no more than that.</summary>
        internal Value Single()
        {
            using (var native = Open())
            {
                ReplyHandle reply = null;
                client.Wait(handle => NativeMethods.standfast_unit_send(handle, native, NativeMethods.DefaultTimeout, out reply));
                return reply.Take();
            }
        }

        /// <summary>The commands as the library takes them.</summary>
        internal UnitHandle Open()
        {
            UnitHandle native;
            StandfastException.Check(NativeMethods.standfast_unit_new(kind, out native));
            try
            {
                StandfastException.Check(NativeMethods.standfast_unit_set_idempotent(native, Idempotent));
                foreach (var command in commands)
                {
                    using (var arguments = new NativeArguments(command))
                    {
                        StandfastException.Check(NativeMethods.standfast_unit_add(
                            native, arguments.Count, arguments.Pointers, arguments.Lengths));
                    }
                }
                return native;
            }
            catch
            {
                native.Dispose();
                throw;
            }
        }

        internal static long Milliseconds(TimeSpan? timeout) =>
            timeout.HasValue ? NativeText.Command(timeout.Value) : NativeMethods.DefaultTimeout;

        internal static IReadOnlyList<Value> Outcomes(Value reply, bool throwOnError)
        {
            var failed = throwOnError ? reply.Items.FirstOrDefault(item => item.Kind == ValueKind.Error) : null;
            if (failed != null)
            {
                throw StandfastException.Of(failed, reply.Items);
            }
            return reply.Items;
        }
    }

    /// <summary>Commands that are executed at once, on the link that watches the keys.</summary>
    public sealed class Now : Commands
    {
        private readonly Client client;
        private readonly WatchedHandle watch;

        internal Now(Client client, WatchedHandle watch)
        {
            this.client = client;
            this.watch = watch;
        }

        /// <summary>The watch is lost: the function is run again, whatever it makes of that.</summary>
        internal bool Lost { get; private set; }

        /// <summary>Any command: its name and its arguments.</summary>
        public Value Execute(params object[] arguments) => Run(arguments);

        /// <summary>For the methods of commands.</summary>
        protected override Value Run(object[] words)
        {
            using (var arguments = new NativeArguments(words))
            {
                ReplyHandle reply = null;
                try
                {
                    client.Wait(_ => NativeMethods.standfast_watch_command(
                        watch, arguments.Count, arguments.Pointers, arguments.Lengths, out reply));
                }
                catch (StandfastException error) when (error.Code == ErrorCode.TransactionAborted)
                {
                    Lost = true;
                    throw;
                }
                return reply.Take();
            }
        }
    }

    /// <summary>The rounds of a transaction over watched keys.</summary>
    internal static class Watching
    {
        internal static IReadOnlyList<Value> Run(
            Client client, IEnumerable<string> keys, Action<Now, Unit> function, TimeSpan? timeout, int attempts)
        {
            WatchedHandle watch = null;
            using (var names = new NativeArguments(keys.Cast<object>().ToArray()))
            {
                client.Call(handle => NativeMethods.standfast_watch_new(
                    handle, names.Count, names.Pointers, names.Lengths, (ulong)attempts, Unit.Milliseconds(timeout), out watch));
            }
            using (watch)
            {
                for (;;)
                {
                    client.Wait(_ => NativeMethods.standfast_watch_begin(watch));
                    var now = new Now(client, watch);
                    var transaction = new Unit(client, Unit.Transaction);
                    try
                    {
                        function(now, transaction);
                    }
                    catch (Exception) when (now.Lost)
                    {
                        continue;
                    }
                    using (var native = transaction.Open())
                    {
                        ReplyHandle reply = null;
                        try
                        {
                            client.Wait(_ => NativeMethods.standfast_watch_commit(watch, native, out reply));
                        }
                        catch (StandfastException error) when (error.Code == ErrorCode.TransactionAborted)
                        {
                            continue;
                        }
                        return Unit.Outcomes(reply.Take(), true);
                    }
                }
            }
        }
    }
}
