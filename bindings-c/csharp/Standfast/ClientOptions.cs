// Options by name, for clients and for subscriptions. Which options there are, and what they take, only the core knows: a
// wrong name or value is its error.

using System;
using System.Collections;
using System.Collections.Generic;

namespace Standfast
{
    /// <summary>Options beside those in the URL, which go before them. The properties are generated from the core's list.</summary>
    /// <example><c>new ClientOptions { CommandTimeout = TimeSpan.FromSeconds(1), ["when_unavailable"] = "fail" }</c></example>
    public sealed partial class ClientOptions : IEnumerable<KeyValuePair<string, object>>
    {
        private readonly List<KeyValuePair<string, object>> values = new List<KeyValuePair<string, object>>();

        /// <summary>An option by its name, "command_timeout" or "CommandTimeout": text, a number, a bool or a TimeSpan.</summary>
        public object this[string name]
        {
            set { values.Add(new KeyValuePair<string, object>(name, value)); }
        }

        /// <summary>The options that were set, in order.</summary>
        public IEnumerator<KeyValuePair<string, object>> GetEnumerator() => values.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        /// <summary>Check a URL and options without connecting, and show what they say: a map with "mode", "hosts", "master", "db",
        /// "username", "password" ("***" or nil), "sentinel_username", "sentinel_password", "sentinel_auth" and "options" by name;
        /// lengths of time are microseconds.</summary>
        public static Value ParseUrl(string url, ClientOptions options = null)
        {
            using (var native = Open(url, options))
            {
                ReplyHandle report;
                StandfastException.Check(NativeMethods.standfast_options_describe(native, out report));
                return report.Take();
            }
        }

        /// <summary>The options of the library for a URL and these.</summary>
        internal static OptionsHandle Open(string url, ClientOptions options)
        {
            Library.Check();
            OptionsHandle handle;
            StandfastException.Check(NativeMethods.standfast_options_new(NativeText.Terminated(url, "url"), out handle));
            try
            {
                StandfastException.Check(
                    NativeMethods.standfast_options_set_language(handle, NativeText.Terminated("csharp", "language")));
                foreach (var option in options ?? new ClientOptions())
                {
                    StandfastException.Check(NativeMethods.standfast_options_set(
                        handle,
                        NativeText.Terminated(NativeText.SnakeCase(option.Key), "name"),
                        NativeText.Terminated(NativeText.Option(option.Value, option.Key), option.Key)));
                }
                return handle;
            }
            catch
            {
                handle.Dispose();
                throw;
            }
        }
    }

    /// <summary>Which channels and patterns a subscription has, and how it queues.</summary>
    public sealed class SubscriptionOptions
    {
        private readonly List<KeyValuePair<string, object>> values = new List<KeyValuePair<string, object>>();

        /// <summary>Channels, beside those that are passed to Subscribe.</summary>
        public IEnumerable<string> Channels { get; set; }

        /// <summary>Patterns, "news.*".</summary>
        public IEnumerable<string> Patterns { get; set; }

        /// <summary>An option by its name: "subscription_items", "subscription_bytes", "overflow".</summary>
        public object this[string name]
        {
            set { values.Add(new KeyValuePair<string, object>(name, value)); }
        }

        internal ChannelsHandle Open(IEnumerable<string> more)
        {
            ChannelsHandle handle;
            StandfastException.Check(NativeMethods.standfast_channels_new(out handle));
            try
            {
                foreach (var group in new[] { Channels, more })
                {
                    foreach (var channel in group ?? new string[0])
                    {
                        var bytes = NativeText.Argument(channel, "a channel");
                        StandfastException.Check(
                            NativeMethods.standfast_channels_add(handle, bytes, (UIntPtr)bytes.Length));
                    }
                }
                foreach (var pattern in Patterns ?? new string[0])
                {
                    var bytes = NativeText.Argument(pattern, "a pattern");
                    StandfastException.Check(
                        NativeMethods.standfast_channels_add_pattern(handle, bytes, (UIntPtr)bytes.Length));
                }
                foreach (var option in values)
                {
                    StandfastException.Check(NativeMethods.standfast_channels_set(
                        handle,
                        NativeText.Terminated(NativeText.SnakeCase(option.Key), "name"),
                        NativeText.Terminated(NativeText.Option(option.Value, option.Key), option.Key)));
                }
                return handle;
            }
            catch
            {
                handle.Dispose();
                throw;
            }
        }
    }

    /// <summary>The native library.</summary>
    public static class Library
    {
        /// <summary>Its version, "0.1.0".</summary>
        public static string Version => NativeText.Read(NativeMethods.standfast_version());

        /// <summary>Objects of the library that are alive; for tests.</summary>
        public static long LiveHandles => (long)NativeMethods.standfast_debug_live_handles();

        /// <summary>Refuse a library that these declarations do not fit: calling it could do anything.</summary>
        internal static void Check()
        {
            var found = NativeMethods.standfast_abi_version();
            if (found != NativeMethods.AbiVersion)
            {
                throw StandfastException.Usage(
                    ErrorCode.InvalidArgument,
                    "libstandfast has binary interface " + found + ", this assembly needs " + NativeMethods.AbiVersion);
            }
        }
    }
}
