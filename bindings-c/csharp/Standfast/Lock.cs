// Locks: take, extend, release, query, and what a holder is told. What a lock is at the server is the core's business.

using System;
using System.Threading;

namespace Standfast
{
    /// <summary>What the holder of a lock may believe.</summary>
    public sealed class LockChange
    {
        internal LockChange(Value fields)
        {
            State = fields["state"].AsString();
            Why = fields["why"].AsString();
        }

        /// <summary>"free", "held", "uncertain" (the master was lost or replaced since) or "lost".</summary>
        public string State { get; }

        /// <summary>Why, in words.</summary>
        public string Why { get; }
    }

    /// <summary>A key that holds the token of its owner for a time; see <see cref="Client.Lock"/>. May be used from any thread.
    /// Disposing it releases it, if it is held.</summary>
    public sealed class Lock : IDisposable
    {
        private readonly Client client;
        private readonly LockHandle handle;

        internal Lock(Client client, LockHandle handle)
        {
            this.client = client;
            this.handle = handle;
        }

        /// <summary>Take it; while somebody else has it, try again for so long. False: somebody else has it.</summary>
        public bool Take(TimeSpan wait = default(TimeSpan))
        {
            int taken = 0;
            client.Wait(_ => NativeMethods.standfast_lock_take(handle, NativeText.Wait(wait), out taken));
            return taken != 0;
        }

        /// <summary>Take it, or fail with LockNotHeld: for <c>using (client.Lock(…).Acquire(…))</c>.</summary>
        public Lock Acquire(TimeSpan wait = default(TimeSpan))
        {
            if (!Take(wait))
            {
                throw StandfastException.Stream(ErrorCode.LockNotHeld, "somebody else has the lock");
            }
            return this;
        }

        /// <summary>Make it last as long as it was made for, or so long, from now on. Fails with LockNotHeld when the master says
        /// that it is not ours.</summary>
        public void Extend(TimeSpan? ttl = null)
        {
            var milliseconds = ttl.HasValue ? NativeText.Command(ttl.Value) : NativeMethods.DefaultTimeout;
            client.Wait(_ => NativeMethods.standfast_lock_extend(handle, milliseconds));
        }

        /// <summary>Give it back. Fails with LockNotHeld when the master says that it is not ours.</summary>
        public void Release() => client.Wait(_ => NativeMethods.standfast_lock_release(handle));

        /// <summary>The token of whoever has it, or null.</summary>
        public string Query()
        {
            ReplyHandle reply = null;
            client.Wait(_ => NativeMethods.standfast_lock_query(handle, out reply));
            return reply.Take().AsString();
        }

        /// <summary>"free", "held", "uncertain" (the master was lost or replaced since) or "lost".</summary>
        public string State => Get()["state"].AsString();

        /// <summary>How long it lasts if nobody extends it; zero when it is not held.</summary>
        public TimeSpan TimeLeft => Get()["time_left"].AsTimeSpan() ?? TimeSpan.Zero;

        /// <summary>The epoch of the last taking's fence; null before the first. Fences are compared by epoch, then by counter:
        /// each is greater than those of all takings before it, also over a failover.</summary>
        public long? FenceEpoch => Get()["fence_epoch"].AsInt64OrNull();

        /// <summary>The counter of the last taking's fence; null before the first.</summary>
        public long? FenceCounter => Get()["fence_counter"].AsInt64OrNull();

        /// <summary>The token of this owner.</summary>
        public string Token => Get()["token"].AsString();

        /// <summary>The next change of its state; null when the time-out passes first.</summary>
        public LockChange NextChange(TimeSpan timeout)
        {
            Value fields = null;
            ProcessExit.Wait(NativeText.Wait(timeout), slice =>
            {
                ReplyHandle reply = null;
                client.Call(_ => NativeMethods.standfast_lock_next(handle, slice, out reply));
                fields = reply.Take();
                return fields != null;
            });
            return fields == null ? null : new LockChange(fields);
        }

        /// <summary>Release it, if it is held, and end its automatic extension. Never throws: a lock that cannot be released ends
        /// with its time.</summary>
        public void Dispose()
        {
            if (handle.IsClosed)
            {
                return;
            }
            try
            {
                if (State == "held" || State == "uncertain")
                {
                    Release();
                }
            }
            catch (StandfastException)
            {
                // Its time ends it.
            }
            handle.Dispose();
        }

        /// <summary>Free the handle; the lock stays taken.</summary>
        internal void Forget() => handle.Dispose();

        private Value Get()
        {
            ReplyHandle reply = null;
            client.Call(_ => NativeMethods.standfast_lock_get(handle, out reply));
            return reply.Take();
        }
    }
}
