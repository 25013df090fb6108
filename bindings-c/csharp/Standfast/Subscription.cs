// A subscription: pulling what arrives, one item after the other. What it does through a failover is the core's business.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;

namespace Standfast
{
    /// <summary>A subscription. Enumerate it for its messages, or ask for the next item. It follows the master.</summary>
    public sealed class Subscription : IEnumerable<Message>, IDisposable
    {
        private readonly SubscriptionHandle handle;

        internal Subscription(SubscriptionHandle handle)
        {
            this.handle = handle;
        }

        /// <summary>Wait until the server has confirmed every channel and pattern.</summary>
        public void Ready(TimeSpan timeout)
        {
            int status;
            try
            {
                status = NativeMethods.standfast_subscription_ready(handle, NativeText.Wait(timeout));
            }
            catch (ObjectDisposedException)
            {
                throw Ended();
            }
            StandfastException.Check(status);
        }

        /// <summary>The next message, gap or count of dropped messages; null when the time-out passes first. Fails with
        /// EndOfStream when the subscription or its client is closed and everything was read.</summary>
        public Item Next(TimeSpan timeout)
        {
            Value fields = null;
            ProcessExit.Wait(NativeText.Wait(timeout), slice =>
            {
                ReplyHandle reply;
                int status;
                try
                {
                    status = NativeMethods.standfast_subscription_next(handle, slice, out reply);
                }
                catch (ObjectDisposedException)
                {
                    throw Ended();
                }
                StandfastException.Check(status);
                fields = reply.Take();
                return fields != null;
            });
            return fields == null ? null : Item.From(fields);
        }

        /// <summary>The messages as they arrive, until the end. A message tells of the gap before it.</summary>
        public IEnumerator<Message> GetEnumerator()
        {
            foreach (var item in Items())
            {
                if (item is Message message)
                {
                    yield return message;
                }
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        /// <summary>Everything as it arrives, until the end: messages, gaps, counts of dropped messages.</summary>
        public IEnumerable<Item> Items()
        {
            for (;;)
            {
                Item item;
                try
                {
                    item = Next(Timeout.InfiniteTimeSpan);
                }
                catch (StandfastException ended) when (ended.Code == ErrorCode.EndOfStream)
                {
                    yield break;
                }
                yield return item;
            }
        }

        /// <summary>End the subscription. What has arrived can still be read.</summary>
        public void Close()
        {
            try
            {
                StandfastException.Check(NativeMethods.standfast_subscription_close(handle));
            }
            catch (ObjectDisposedException)
            {
                // Disposed is closed.
            }
        }

        /// <summary>End the subscription and forget what has arrived.</summary>
        public void Dispose()
        {
            Close();
            handle.Dispose();
        }

        private static StandfastException Ended() =>
            StandfastException.Stream(ErrorCode.EndOfStream, "the subscription is disposed");
    }
}
