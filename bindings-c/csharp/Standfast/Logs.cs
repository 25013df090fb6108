// Log records: what the library has to tell about its work, pulled one after the other. What is recorded, and how much is kept
// for a slow reader, is the core's business.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;

namespace Standfast
{
    /// <summary>How much is recorded: this, and what is more serious.</summary>
    public enum LogLevel
    {
        /// <summary>Something that somebody must mend.</summary>
        Error = 1,

        /// <summary>Something is not as it should be; the client goes on.</summary>
        Warn = 2,

        /// <summary>The milestones: ready, switched, lost.</summary>
        Info = 3,

        /// <summary>Every decision, and every event of a sentinel.</summary>
        Debug = 4,
    }

    /// <summary>One log record. It contains no secrets and no arguments of commands.</summary>
    public sealed class LogRecord
    {
        internal LogRecord(Value fields)
        {
            At = fields["at"].AsTime().GetValueOrDefault();
            Level = (LogLevel)Enum.Parse(typeof(LogLevel), fields["level"].AsString(), true);
            Message = fields["message"].AsString();
            DroppedBefore = fields["dropped_before"].AsInt64();
        }

        /// <summary>When, UTC.</summary>
        public DateTime At { get; }

        /// <summary>How serious.</summary>
        public LogLevel Level { get; }

        /// <summary>What happened, on one line.</summary>
        public string Message { get; }

        /// <summary>How many records before this one were forgotten, because the reader was slow.</summary>
        public long DroppedBefore { get; }

        /// <summary>Level and message.</summary>
        public override string ToString() => Level + ": " + Message;
    }

    /// <summary>A reader of the log records of all clients of this process. Enumerate it, or ask for the next record; any thread
    /// may, and each record goes to one of them. Without a reader nothing is recorded; a slow one keeps the latest 1024
    /// records, and the next record says how many were forgotten.</summary>
    public sealed class Logs : IEnumerable<LogRecord>, IDisposable
    {
        private readonly LogsHandle handle;

        private Logs(LogsHandle handle)
        {
            this.handle = handle;
        }

        /// <summary>Record from now on everything up to this level. No client is needed yet.</summary>
        public static Logs Open(LogLevel level = LogLevel.Info)
        {
            Library.Check();
            LogsHandle handle;
            var word = NativeText.Terminated(level.ToString().ToLowerInvariant(), "level");
            StandfastException.Check(NativeMethods.standfast_logs_open(word, out handle));
            return new Logs(handle);
        }

        /// <summary>The next record; null when the time-out passes first. Fails with EndOfStream when the reader is closed and
        /// everything was read.</summary>
        public LogRecord Next(TimeSpan timeout)
        {
            Value fields = null;
            ProcessExit.Wait(NativeText.Wait(timeout), slice =>
            {
                ReplyHandle reply;
                int status;
                try
                {
                    status = NativeMethods.standfast_logs_next(handle, slice, out reply);
                }
                catch (ObjectDisposedException)
                {
                    throw StandfastException.Stream(ErrorCode.EndOfStream, "the log reader is disposed");
                }
                StandfastException.Check(status);
                fields = reply.Take();
                return fields != null;
            });
            return fields == null ? null : new LogRecord(fields);
        }

        /// <summary>The records as they come, until the reader is closed.</summary>
        public IEnumerator<LogRecord> GetEnumerator()
        {
            for (;;)
            {
                LogRecord record;
                try
                {
                    record = Next(Timeout.InfiniteTimeSpan);
                }
                catch (StandfastException ended) when (ended.Code == ErrorCode.EndOfStream)
                {
                    yield break;
                }
                yield return record;
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        /// <summary>Record no more. What was recorded can still be read.</summary>
        public void Close()
        {
            try
            {
                StandfastException.Check(NativeMethods.standfast_logs_close(handle));
            }
            catch (ObjectDisposedException)
            {
                // Disposed is closed.
            }
        }

        /// <summary>Record no more, and forget what was not read.</summary>
        public void Dispose()
        {
            Close();
            handle.Dispose();
        }
    }
}
