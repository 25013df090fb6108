// What can go wrong: one exception class for each category of the error table, and the numbers. The table itself is the
// core's; a test compares the numbers below with it.

using System;
using System.Collections.Generic;

namespace Standfast
{
    /// <summary>A failure: what kind, what happened, and what every sentinel or node contributed.</summary>
    public class StandfastException : Exception
    {
        internal StandfastException(ErrorReport report)
            : base(report.Text)
        {
            Code = report.Code;
            Name = report.Name;
            Category = report.Category;
            Retry = report.Retry;
            Detail = report.Message;
            Phase = report.Phase;
            ServerCode = report.ServerCode;
            ServerText = report.ServerText;
            Causes = report.Causes;
        }

        /// <summary>The number, one of <see cref="ErrorCode"/>.</summary>
        public int Code { get; }

        /// <summary>The name of the number: "UnknownMaster".</summary>
        public string Name { get; }

        /// <summary>"usage", "configuration", "discovery", "network", "server", "subscription" or "internal".</summary>
        public string Category { get; }

        /// <summary>Whether the same call may be made again: "never", "now", "later" or "if_idempotent".</summary>
        public string Retry { get; }

        /// <summary>What happened, in one line; <see cref="Exception.Message"/> has the name and the causes as well.</summary>
        public string Detail { get; }

        /// <summary>Where a command was when it failed, or "".</summary>
        public string Phase { get; }

        /// <summary>For an error that the server gave: its first word, "WRONGTYPE"; otherwise "".</summary>
        public string ServerCode { get; }

        /// <summary>For an error that the server gave: what follows the first word; otherwise "".</summary>
        public string ServerText { get; }

        /// <summary>What every sentinel or node contributed.</summary>
        public IReadOnlyList<Cause> Causes { get; }

        /// <summary>Fail unless a call of the library succeeded. Reads the error of this thread, so nothing may come between.</summary>
        internal static void Check(int status)
        {
            if (status != NativeMethods.Ok)
            {
                var error = Last(status);
                ProcessExit.Park();
                throw error;
            }
        }

        /// <summary>The error of the last call on this thread.</summary>
        internal static StandfastException Last(int status) => Make(ErrorReport.Last(status));

        /// <summary>A mistake that is noticed before the library is called.</summary>
        internal static StandfastException Usage(int code, string message) => Make(ErrorReport.Of(code, "usage", message));

        /// <summary>The end of a subscription that is noticed before the library is called.</summary>
        internal static StandfastException Stream(int code, string message) => Make(ErrorReport.Of(code, "subscription", message));

        internal static StandfastException ClosedClient() => Usage(ErrorCode.Closed, "the client is closed");

        private static StandfastException Make(ErrorReport report)
        {
            switch (report.Code / 100)
            {
                case 1: return new StandfastUsageException(report);
                case 2: return new StandfastConfigurationException(report);
                case 3: return new StandfastDiscoveryException(report);
                case 4: return new StandfastNetworkException(report);
                case 5: return new StandfastServerException(report);
                case 6: return new StandfastSubscriptionException(report);
                default: return new StandfastInternalException(report);
            }
        }
    }

    /// <summary>The call was wrong: an argument, a closed client.</summary>
    public sealed class StandfastUsageException : StandfastException
    {
        internal StandfastUsageException(ErrorReport report) : base(report) { }
    }

    /// <summary>The URL or an option was wrong.</summary>
    public sealed class StandfastConfigurationException : StandfastException
    {
        internal StandfastConfigurationException(ErrorReport report) : base(report) { }
    }

    /// <summary>The master was not found.</summary>
    public sealed class StandfastDiscoveryException : StandfastException
    {
        internal StandfastDiscoveryException(ErrorReport report) : base(report) { }
    }

    /// <summary>The connection, or time.</summary>
    public sealed class StandfastNetworkException : StandfastException
    {
        internal StandfastNetworkException(ErrorReport report) : base(report) { }
    }

    /// <summary>The server refused.</summary>
    public sealed class StandfastServerException : StandfastException
    {
        internal StandfastServerException(ErrorReport report) : base(report) { }
    }

    /// <summary>A subscription or a lock.</summary>
    public sealed class StandfastSubscriptionException : StandfastException
    {
        internal StandfastSubscriptionException(ErrorReport report) : base(report) { }
    }

    /// <summary>A bug in Standfast.</summary>
    public sealed class StandfastInternalException : StandfastException
    {
        internal StandfastInternalException(ErrorReport report) : base(report) { }
    }

    /// <summary>What one sentinel or node contributed to a failure.</summary>
    public sealed class Cause
    {
        internal Cause(string address, string resolved, string step, int code, string text)
        {
            Address = address;
            Resolved = resolved;
            Step = step;
            Code = code;
            Text = text;
        }

        /// <summary>The address, as configured or announced.</summary>
        public string Address { get; }

        /// <summary>The address that was really dialled, or "".</summary>
        public string Resolved { get; }

        /// <summary>How far the attempt came: "resolve", "connect", "tls", "auth", "query" or "role".</summary>
        public string Step { get; }

        /// <summary>The kind of failure, one of <see cref="ErrorCode"/>.</summary>
        public int Code { get; }

        /// <summary>What happened, in words.</summary>
        public string Text { get; }
    }

    /// <summary>An error as it comes from the library.</summary>
    internal sealed class ErrorReport
    {
        internal int Code;
        internal string Name;
        internal string Category = "";
        internal string Retry = "never";
        internal string Message = "";
        internal string Text = "";
        internal string Phase = "";
        internal string ServerCode = "";
        internal string ServerText = "";
        internal IReadOnlyList<Cause> Causes = new Cause[0];

        internal static ErrorReport Of(int code, string category, string message)
        {
            var name = NativeText.Read(NativeMethods.standfast_status_name(code));
            return new ErrorReport { Code = code, Name = name, Category = category, Message = message, Text = name + ": " + message };
        }

        internal static ErrorReport Last(int status)
        {
            var error = NativeMethods.standfast_last_error();
            if (NativeMethods.standfast_error_code(error) != status)
            {
                // Another thread disposed what this call used, and the runtime freed it on this thread, behind the call.
                return Of(status, "", "the object was disposed during the call");
            }
            var causes = new List<Cause>();
            var count = (ulong)NativeMethods.standfast_error_cause_count(error);
            for (ulong i = 0; i < count; i++)
            {
                var index = (UIntPtr)i;
                causes.Add(new Cause(
                    NativeText.Read(NativeMethods.standfast_error_cause_address(error, index)),
                    NativeText.Read(NativeMethods.standfast_error_cause_resolved(error, index)),
                    NativeText.Read(NativeMethods.standfast_error_cause_step(error, index)),
                    NativeMethods.standfast_error_cause_code(error, index),
                    NativeText.Read(NativeMethods.standfast_error_cause_text(error, index))));
            }
            return new ErrorReport
            {
                Code = status,
                Name = NativeText.Read(NativeMethods.standfast_error_name(error)),
                Category = NativeText.Read(NativeMethods.standfast_error_category(error)),
                Retry = NativeText.Read(NativeMethods.standfast_error_retry(error)),
                Message = NativeText.Read(NativeMethods.standfast_error_message(error)),
                Text = NativeText.Read(NativeMethods.standfast_error_text(error)),
                Phase = NativeText.Read(NativeMethods.standfast_error_phase(error)),
                ServerCode = NativeText.Read(NativeMethods.standfast_error_server_code(error)),
                ServerText = NativeText.Read(NativeMethods.standfast_error_server_text(error)),
                Causes = causes.AsReadOnly(),
            };
        }
    }

    /// <summary>The numbers of <see cref="StandfastException.Code"/>; the same in every language.</summary>
    public static class ErrorCode
    {
#pragma warning disable 1591
        public const int NullArgument = 101;
        public const int InvalidArgument = 102;
        public const int InvalidHandle = 103;
        public const int Closed = 104;
        public const int WouldDeadlock = 105;
        public const int Forked = 106;
        public const int InvalidUrl = 201;
        public const int InvalidOption = 202;
        public const int UnknownOption = 203;
        public const int SentinelsUnreachable = 301;
        public const int UnknownMaster = 302;
        public const int NotASentinel = 303;
        public const int NotMaster = 304;
        public const int NoReplica = 305;
        public const int NoQuorum = 306;
        public const int NotReady = 307;
        public const int ConnectFailed = 401;
        public const int Timeout = 402;
        public const int Disconnected = 403;
        public const int MaybeExecuted = 404;
        public const int TlsFailed = 405;
        public const int QueueFull = 406;
        public const int NotReplicated = 407;
        public const int Cancelled = 408;
        public const int Protocol = 409;
        public const int MasterAuthRequired = 501;
        public const int MasterAuthFailed = 502;
        public const int SentinelAuthRequired = 503;
        public const int SentinelAuthFailed = 504;
        public const int AuthNotExpected = 505;
        public const int NoPermission = 506;
        public const int ReplyError = 507;
        public const int TransactionAborted = 508;
        public const int Unavailable = 509;
        public const int SubscribeFailed = 601;
        public const int Overflow = 602;
        public const int EndOfStream = 603;
        public const int LockNotHeld = 604;
        public const int Panic = 901;
        public const int Internal = 902;
#pragma warning restore 1591
    }
}
