// The threads behind handlers and tasks: each pulls from the C library and hands on to C#. No delegate ever enters the library.
// A registration has a thread of its own; the tasks of a client share one, which ends when there is nothing to wait for.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Standfast
{
    /// <summary>A handler of a subscription threw.</summary>
    public sealed class HandlerFailedEventArgs : EventArgs
    {
        internal HandlerFailedEventArgs(string channel, Exception exception)
        {
            Channel = channel;
            Exception = exception;
        }

        /// <summary>The channel of the registration.</summary>
        public string Channel { get; }

        /// <summary>What was thrown.</summary>
        public Exception Exception { get; }
    }

    /// <summary>Where the failures of handlers go. An object of its own, so that threads do not keep the client alive.</summary>
    internal sealed class Faults
    {
        private readonly WeakReference client;

        internal Faults(Client client)
        {
            this.client = new WeakReference(client);
        }

        internal event EventHandler<HandlerFailedEventArgs> Handler;

        internal void Report(string channel, Exception exception)
        {
            var listeners = Handler;
            if (listeners == null)
            {
                Trace.TraceError("Standfast: the handler of channel {0} failed: {1}", channel, exception);
                return;
            }
            try
            {
                listeners(client.Target, new HandlerFailedEventArgs(channel, exception));
            }
            catch (Exception failed)
            {
                // Nobody is left to be told; the messages matter more.
                Trace.TraceError("Standfast: a listener of HandlerFailed failed: {0}", failed);
            }
        }
    }

    /// <summary>A subscription with a handler. Dispose it to end it; closing the client ends it too.</summary>
    public sealed class Registration : IDisposable
    {
        private readonly Subscription subscription;
        private readonly Thread thread;

        internal Registration(
            Subscription subscription, string channel, Action<string, Message> handler, Action<Item> notices, Faults faults)
        {
            this.subscription = subscription;
            thread = new Thread(() => Run(subscription, channel, handler, notices, faults))
            {
                IsBackground = true,
                Name = "standfast:" + channel,
            };
            thread.Start();
        }

        /// <summary>Wait until the server has confirmed the subscription.</summary>
        public void Ready(TimeSpan timeout) => subscription.Ready(timeout);

        /// <summary>End the subscription. When this returns, no handler runs any more and none will; called by the handler
        /// itself, it returns at once.</summary>
        public void Dispose()
        {
            subscription.Dispose();
            if (thread != Thread.CurrentThread)
            {
                thread.Join();
            }
        }

        private static void Run(
            Subscription subscription, string channel, Action<string, Message> handler, Action<Item> notices, Faults faults)
        {
            try
            {
                foreach (var item in subscription.Items())
                {
                    try
                    {
                        if (item is Message message)
                        {
                            handler(message.Channel, message);
                        }
                        else
                        {
                            notices?.Invoke(item);
                        }
                    }
                    catch (Exception thrown)
                    {
                        faults.Report(channel, thrown);
                    }
                }
            }
            catch (Exception ended)
            {
                // Overflow with the policy "close", or a server that refuses the subscription: the last thing to be said.
                faults.Report(channel, ended);
            }
        }
    }

    /// <summary>The tasks of a client, finished by one thread that reads their queue.</summary>
    internal sealed class Completions
    {
        // Short, as the end of the process may wait for it; a thread for the next task costs little.
        private const long IdleMs = 200;

        private readonly Client client;
        private readonly object gate = new object();
        private State state;

        internal Completions(Client client)
        {
            this.client = client;
        }

        internal Task<Value> Connected() =>
            Begin((queue, tag) => NativeMethods.standfast_queue_connected(queue, tag), CancellationToken.None);

        internal Task<Value> Send(object[] arguments, long timeoutMs, CancellationToken cancellation)
        {
            NativeArguments native;
            try
            {
                native = new NativeArguments(arguments);
            }
            catch (StandfastException error)
            {
                return Task.FromException<Value>(error);
            }
            using (native)
            {
                return Begin(
                    (queue, tag) => NativeMethods.standfast_queue_send(
                        queue, native.Count, native.Pointers, native.Lengths, timeoutMs, tag),
                    cancellation);
            }
        }

        /// <summary>The client is closed: what is under way comes to its end, then the queue is freed.</summary>
        internal void Close()
        {
            lock (gate)
            {
                state?.Close();
            }
        }

        private Task<Value> Begin(Func<QueueHandle, ulong, int> submit, CancellationToken cancellation)
        {
            if (cancellation.IsCancellationRequested)
            {
                return Task.FromCanceled<Value>(cancellation);
            }
            try
            {
                return Open().Begin(submit, cancellation);
            }
            catch (StandfastException error)
            {
                return Task.FromException<Value>(error);
            }
        }

        private State Open()
        {
            lock (gate)
            {
                if (state == null)
                {
                    QueueHandle queue = null;
                    client.Call(native => NativeMethods.standfast_queue_open(native, out queue));
                    state = new State(queue);
                }
                return state;
            }
        }

        /// <summary>The queue and what is under way. The thread holds this and not the client, so that a client that was
        /// forgotten is collected, closes, and thereby ends the thread.</summary>
        private sealed class State
        {
            private readonly QueueHandle queue;
            private readonly Dictionary<ulong, TaskCompletionSource<Value>> pending =
                new Dictionary<ulong, TaskCompletionSource<Value>>();

            private ulong lastTag;
            private bool reading;
            private bool closed;

            internal State(QueueHandle queue)
            {
                this.queue = queue;
            }

            internal Task<Value> Begin(Func<QueueHandle, ulong, int> submit, CancellationToken cancellation)
            {
                var source = new TaskCompletionSource<Value>(TaskCreationOptions.RunContinuationsAsynchronously);
                ulong tag;
                lock (pending)
                {
                    if (closed)
                    {
                        throw StandfastException.ClosedClient();
                    }
                    tag = ++lastTag;
                    pending.Add(tag, source);
                }
                var status = submit(queue, tag);
                if (status != NativeMethods.Ok)
                {
                    var error = StandfastException.Last(status);
                    Settle(tag);
                    throw error;
                }
                StartReading();
                if (cancellation.CanBeCanceled)
                {
                    var registration = cancellation.Register(() => Cancel(tag, cancellation));
                    source.Task.ContinueWith(
                        _ => registration.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
                        TaskScheduler.Default);
                }
                return source.Task;
            }

            internal void Close()
            {
                lock (pending)
                {
                    closed = true;
                    if (pending.Count > 0)
                    {
                        // The closed client ends every command; the reader settles them and frees the queue.
                        return;
                    }
                    FreeQueue();
                }
            }

            private void FreeQueue()
            {
                if (!queue.IsClosed)
                {
                    // First close, so that the reader wakes up and lets go of it.
                    NativeMethods.standfast_queue_close(queue);
                    queue.Dispose();
                }
            }

            private void Cancel(ulong tag, CancellationToken cancellation)
            {
                int status;
                try
                {
                    status = NativeMethods.standfast_queue_cancel(queue, tag);
                }
                catch (ObjectDisposedException)
                {
                    // Everything is settled already.
                    return;
                }
                if (status == NativeMethods.Ok)
                {
                    // Its result is there already, and the reader hands it over.
                    return;
                }
                var error = status == NativeMethods.Cancelled ? null : StandfastException.Last(status);
                var source = Settle(tag);
                if (error == null)
                {
                    source?.TrySetCanceled(cancellation);
                }
                else
                {
                    source?.TrySetException(error);
                }
            }

            private TaskCompletionSource<Value> Settle(ulong tag)
            {
                lock (pending)
                {
                    TaskCompletionSource<Value> source;
                    if (pending.TryGetValue(tag, out source))
                    {
                        pending.Remove(tag);
                        if (closed && pending.Count == 0)
                        {
                            FreeQueue();
                        }
                    }
                    return source;
                }
            }

            private void StartReading()
            {
                lock (pending)
                {
                    if (reading || pending.Count == 0)
                    {
                        return;
                    }
                    reading = true;
                }
                new Thread(Read) { IsBackground = true, Name = "standfast:tasks" }.Start();
            }

            private void Read()
            {
                while (ReadOne())
                {
                }
            }

            /// <summary>Settle the next task; false when there is nothing left to do for this thread.</summary>
            private bool ReadOne()
            {
                ulong tag;
                int status, result;
                ReplyHandle reply;
                try
                {
                    result = NativeMethods.standfast_queue_next(queue, IdleMs, out tag, out status, out reply);
                }
                catch (ObjectDisposedException)
                {
                    return Stop(true);
                }
                if (result != NativeMethods.Ok)
                {
                    return Stop(true);
                }
                if (status == NativeMethods.Ok && reply.IsInvalid)
                {
                    return Stop(false);
                }
                var error = status == NativeMethods.Ok ? null : StandfastException.Last(status);
                var value = reply.Take();
                var source = Settle(tag);
                if (error == null)
                {
                    source?.TrySetResult(value);
                }
                else
                {
                    source?.TrySetException(error);
                }
                return true;
            }

            /// <summary>End the reading, unless something is under way that can still come; true to go on.</summary>
            private bool Stop(bool ended)
            {
                TaskCompletionSource<Value>[] left;
                lock (pending)
                {
                    if (!ended && pending.Count > 0)
                    {
                        return true;
                    }
                    reading = false;
                    left = new TaskCompletionSource<Value>[pending.Count];
                    pending.Values.CopyTo(left, 0);
                    pending.Clear();
                }
                foreach (var source in left)
                {
                    // The queue ended under a command that was just submitted.
                    source.TrySetException(StandfastException.ClosedClient());
                }
                return false;
            }
        }
    }
}
