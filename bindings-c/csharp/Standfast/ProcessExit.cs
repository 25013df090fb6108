// The end of the process on mono. Before it ends, mono stops every other thread, and it can only stop a thread that comes back
// from native code: one that waits there for a message, or for BLPOP, would hold the process for ever. So waits for items and
// events come back often, and clients on which a thread waits for a command are closed at that moment. Clients that nobody
// waits on still work in the program's own exit handlers. Other runtimes end without asking and need none of this.

using System;
using System.Collections.Generic;
using System.Threading;

namespace Standfast
{
    internal static class ProcessExit
    {
        private const long SliceMs = 200;

        private static readonly bool OnMono = Type.GetType("Mono.Runtime") != null;

        private static readonly object Gate = new object();

        // Weak, so that a forgotten client can be collected.
        private static readonly List<WeakReference> Open = new List<WeakReference>();

        private static bool watching;

        private static volatile Thread ending;

        /// <summary>Remember a client that may have to be closed.</summary>
        internal static void Add(ClientHandle client)
        {
            if (!OnMono)
            {
                return;
            }
            lock (Gate)
            {
                if (!watching)
                {
                    watching = true;
                    AppDomain.CurrentDomain.ProcessExit += (sender, arguments) => CloseBusy();
                }
                Open.RemoveAll(entry => !(entry.Target is ClientHandle other) || other.IsClosed);
                Open.Add(new WeakReference(client));
            }
        }

        /// <summary>Wait in native code, coming back often. The step gets the time-out for the library and says whether the wait
        /// is over; when the time has passed it is over too.</summary>
        internal static void Wait(long timeoutMs, Func<long, bool> step)
        {
            if (!OnMono || (timeoutMs >= 0 && timeoutMs <= SliceMs) || timeoutMs < NativeMethods.Forever)
            {
                step(timeoutMs);
                return;
            }
            var spent = System.Diagnostics.Stopwatch.StartNew();
            for (;;)
            {
                var left = timeoutMs == NativeMethods.Forever ? SliceMs : timeoutMs - spent.ElapsedMilliseconds;
                if (step(Math.Max(0, Math.Min(left, SliceMs))) || left <= 0)
                {
                    return;
                }
            }
        }

        /// <summary>Called when a call failed. When the process is ending, the failure is ours and no news to the program: its
        /// thread waits, in managed code, for its end. The thread that runs the exit handlers goes on.</summary>
        internal static void Park()
        {
            if (ending != null && ending != Thread.CurrentThread)
            {
                Thread.Sleep(Timeout.Infinite);
            }
        }

        private static void CloseBusy()
        {
            ending = Thread.CurrentThread;
            WeakReference[] open;
            lock (Gate)
            {
                open = Open.ToArray();
            }
            foreach (var entry in open)
            {
                try
                {
                    if (entry.Target is ClientHandle client && client.Busy > 0)
                    {
                        NativeMethods.standfast_client_close(client);
                    }
                }
                catch (ObjectDisposedException)
                {
                    // Disposed is closed.
                }
            }
        }
    }
}
