// Text, bytes, times and arguments on their way in and out of the C library.

using System;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Standfast
{
    internal static class NativeText
    {
        // Whatever a server sends is shown; what cannot be encoded is an error, as it would be sent wrongly.
        private static readonly UTF8Encoding Strict = new UTF8Encoding(false, true);

        /// <summary>Text of the library: UTF-8 up to a NUL.</summary>
        internal static string Read(IntPtr text)
        {
            var length = 0;
            while (Marshal.ReadByte(text, length) != 0)
            {
                length++;
            }
            return Encoding.UTF8.GetString(Bytes(text, length));
        }

        /// <summary>Bytes of the library, copied.</summary>
        internal static byte[] Bytes(IntPtr start, int length)
        {
            var bytes = new byte[length];
            Marshal.Copy(start, bytes, 0, length);
            return bytes;
        }

        /// <summary>Text for the library: UTF-8 with a NUL behind it. Text with a NUL inside would be cut short.</summary>
        internal static byte[] Terminated(string text, string name)
        {
            if (text == null)
            {
                throw StandfastException.Usage(ErrorCode.NullArgument, "argument " + name + " is null");
            }
            if (text.IndexOf('\0') >= 0)
            {
                throw StandfastException.Usage(ErrorCode.InvalidArgument, "argument " + name + " contains a NUL");
            }
            return Encode(text + "\0", name);
        }

        /// <summary>An argument of a command, or a message: text as UTF-8, bytes as they are, numbers in decimal.</summary>
        internal static byte[] Argument(object value, string name)
        {
            if (value == null)
            {
                throw StandfastException.Usage(ErrorCode.NullArgument, name + " is null");
            }
            if (value is string text)
            {
                return Encode(text, name);
            }
            if (value is byte[] bytes)
            {
                return bytes;
            }
            if (value is double || value is float)
            {
                return Encode(((IFormattable)value).ToString("R", CultureInfo.InvariantCulture), name);
            }
            if (value is sbyte || value is byte || value is short || value is ushort || value is int || value is uint
                || value is long || value is ulong || value is decimal)
            {
                return Encode(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture), name);
            }
            if (value is Value reply)
            {
                return reply.AsBytes() ?? throw StandfastException.Usage(ErrorCode.NullArgument, name + " is nil");
            }
            throw StandfastException.Usage(
                ErrorCode.InvalidArgument,
                name + " is of type " + value.GetType().Name + "; an argument is text, bytes or a number");
        }

        private static byte[] Encode(string text, string name)
        {
            try
            {
                return Strict.GetBytes(text);
            }
            catch (EncoderFallbackException)
            {
                throw StandfastException.Usage(ErrorCode.InvalidArgument, name + " is not valid text (a lone surrogate)");
            }
        }

        /// <summary>The time-out of a wait. What is negative and not infinite is refused by the library.</summary>
        internal static long Wait(TimeSpan timeout) =>
            timeout == Timeout.InfiniteTimeSpan ? NativeMethods.Forever : Milliseconds(timeout, NativeMethods.Forever - 1);

        /// <summary>The time-out of a command. What is not positive and not infinite is refused by the library.</summary>
        internal static long Command(TimeSpan timeout) =>
            timeout == Timeout.InfiniteTimeSpan ? NativeMethods.NoTimeout : Milliseconds(timeout, 0);

        // A part of a millisecond counts as one: nobody who asks for a little time wants none.
        private static long Milliseconds(TimeSpan timeout, long refused) =>
            timeout < TimeSpan.Zero ? refused : (timeout.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;

        /// <summary>An option's value as it would stand in a URL.</summary>
        internal static string Option(object value, string name)
        {
            if (value is TimeSpan span)
            {
                return Milliseconds(span, -1).ToString(CultureInfo.InvariantCulture) + "ms";
            }
            if (value is bool yes)
            {
                return yes ? "on" : "off";
            }
            return Encoding.UTF8.GetString(Argument(value, "option " + name));
        }

        /// <summary>CommandTimeout → command_timeout.</summary>
        internal static string SnakeCase(string name)
        {
            var snake = new StringBuilder();
            foreach (var letter in name)
            {
                if (char.IsUpper(letter) && snake.Length > 0 && snake[snake.Length - 1] != '_')
                {
                    snake.Append('_');
                }
                snake.Append(char.ToLowerInvariant(letter));
            }
            return snake.ToString();
        }
    }

    /// <summary>The arguments of a command, where the library can read them until they are disposed.</summary>
    internal struct NativeArguments : IDisposable
    {
        private GCHandle pinned;

        internal NativeArguments(object[] arguments)
        {
            if (arguments == null)
            {
                throw StandfastException.Usage(ErrorCode.NullArgument, "the arguments are null");
            }
            var encoded = new byte[arguments.Length][];
            var total = 0;
            for (var i = 0; i < arguments.Length; i++)
            {
                encoded[i] = NativeText.Argument(arguments[i], "argument " + i.ToString(CultureInfo.InvariantCulture));
                total = checked(total + encoded[i].Length);
            }
            // One block for all of them, so that one object is pinned.
            var block = new byte[total];
            Pointers = new IntPtr[arguments.Length];
            Lengths = new UIntPtr[arguments.Length];
            pinned = GCHandle.Alloc(block, GCHandleType.Pinned);
            var start = pinned.AddrOfPinnedObject();
            var at = 0;
            for (var i = 0; i < encoded.Length; i++)
            {
                Buffer.BlockCopy(encoded[i], 0, block, at, encoded[i].Length);
                Pointers[i] = IntPtr.Add(start, at);
                Lengths[i] = (UIntPtr)encoded[i].Length;
                at += encoded[i].Length;
            }
        }

        internal UIntPtr Count => (UIntPtr)Pointers.Length;

        internal IntPtr[] Pointers { get; }

        internal UIntPtr[] Lengths { get; }

        public void Dispose() => pinned.Free();
    }
}
