// The handles of the C library, owned: one SafeHandle for each type, so that nothing leaks and nothing is freed while a call
// uses it. What the objects do is not known here.

using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Standfast
{
    /// <summary>A handle of the C library. Zero is none.</summary>
    internal abstract class NativeHandle : SafeHandle
    {
        protected NativeHandle()
            : base(IntPtr.Zero, true)
        {
        }

        public override bool IsInvalid => handle == IntPtr.Zero;
    }

    internal sealed class OptionsHandle : NativeHandle
    {
        protected override bool ReleaseHandle() => NativeMethods.standfast_options_free(handle) == NativeMethods.Ok;
    }

    internal sealed class ClientHandle : NativeHandle
    {
        private int busy;

        /// <summary>How many threads wait inside the library for a command, or for the client to be ready.</summary>
        internal int Busy => Volatile.Read(ref busy);

        internal void Enter() => Interlocked.Increment(ref busy);

        internal void Leave() => Interlocked.Decrement(ref busy);

        protected override bool ReleaseHandle() => NativeMethods.standfast_client_free(handle) == NativeMethods.Ok;
    }

    internal sealed class ReplyHandle : NativeHandle
    {
        /// <summary>The whole reply as a value; null when there is none. The handle is used up.</summary>
        internal Value Take()
        {
            using (this)
            {
                return IsInvalid ? null : Value.Read(handle);
            }
        }

        protected override bool ReleaseHandle() => NativeMethods.standfast_reply_free(handle) == NativeMethods.Ok;
    }

    internal sealed class ChannelsHandle : NativeHandle
    {
        protected override bool ReleaseHandle() => NativeMethods.standfast_channels_free(handle) == NativeMethods.Ok;
    }

    internal sealed class SubscriptionHandle : NativeHandle
    {
        protected override bool ReleaseHandle() => NativeMethods.standfast_subscription_free(handle) == NativeMethods.Ok;
    }

    internal sealed class LogsHandle : NativeHandle
    {
        protected override bool ReleaseHandle() => NativeMethods.standfast_logs_free(handle) == NativeMethods.Ok;
    }

    internal sealed class QueueHandle : NativeHandle
    {
        protected override bool ReleaseHandle() => NativeMethods.standfast_queue_free(handle) == NativeMethods.Ok;
    }
}
