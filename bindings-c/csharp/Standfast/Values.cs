// Replies as C# reads them: Value, for whatever a server may send. A whole reply is copied out of the C library at once.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Standfast
{
    /// <summary>What a <see cref="Value"/> is.</summary>
    public enum ValueKind
    {
        /// <summary>Nothing: no such key.</summary>
        Nil = 1,

        /// <summary>A whole number.</summary>
        Integer = 2,

        /// <summary>A number.</summary>
        Double = 3,

        /// <summary>Yes or no.</summary>
        Boolean = 4,

        /// <summary>Bytes, most often text.</summary>
        String = 5,

        /// <summary>An error inside a reply.</summary>
        Error = 6,

        /// <summary>Values in order.</summary>
        Array = 7,

        /// <summary>Values in no order.</summary>
        Set = 8,

        /// <summary>Keys and values.</summary>
        Map = 9,
    }

    /// <summary>A reply of the server. Converts to string, byte[], long, double and bool where that makes sense.</summary>
    public sealed class Value
    {
        private static readonly Value[] None = new Value[0];

        private readonly byte[] bytes;
        private readonly long integer;
        private readonly double number;
        private readonly Value[] children;

        private Value(ValueKind kind, byte[] bytes, long integer, double number, Value[] children, string errorCode)
        {
            Kind = kind;
            this.bytes = bytes;
            this.integer = integer;
            this.number = number;
            this.children = children ?? None;
            ErrorCode = errorCode;
        }

        /// <summary>What it is.</summary>
        public ValueKind Kind { get; }

        /// <summary>Whether it is nothing.</summary>
        public bool IsNil => Kind == ValueKind.Nil;

        /// <summary>For an error inside a reply: its first word; otherwise "".</summary>
        public string ErrorCode { get; }

        /// <summary>The elements of an array or a set; none for anything else.</summary>
        public IReadOnlyList<Value> Items => Kind == ValueKind.Array || Kind == ValueKind.Set ? children : None;

        /// <summary>The pairs of a map; none for anything else.</summary>
        public IEnumerable<KeyValuePair<Value, Value>> Pairs
        {
            get
            {
                for (var i = 0; Kind == ValueKind.Map && i < children.Length; i += 2)
                {
                    yield return new KeyValuePair<Value, Value>(children[i], children[i + 1]);
                }
            }
        }

        /// <summary>The number of elements, or of pairs.</summary>
        public int Count => Kind == ValueKind.Map ? children.Length / 2 : children.Length;

        /// <summary>An element of an array or a set.</summary>
        public Value this[int index]
        {
            get
            {
                var items = Items;
                return index >= 0 && index < items.Count ? items[index] : throw Wrong("has no element " + index);
            }
        }

        /// <summary>The value of a key of a map; nil when the map has no such key.</summary>
        public Value this[string key]
        {
            get
            {
                if (Kind != ValueKind.Map)
                {
                    throw Wrong("is no map");
                }
                foreach (var pair in Pairs)
                {
                    if (pair.Key.Kind == ValueKind.String && pair.Key.AsString() == key)
                    {
                        return pair.Value;
                    }
                }
                return new Value(ValueKind.Nil, null, 0, 0, null, "");
            }
        }

        /// <summary>As text; null for nil.</summary>
        public string AsString() => IsNil ? null : Encoding.UTF8.GetString(AsBytes());

        /// <summary>As bytes; null for nil.</summary>
        public byte[] AsBytes()
        {
            switch (Kind)
            {
                case ValueKind.Nil: return null;
                case ValueKind.String:
                case ValueKind.Error: return bytes;
                case ValueKind.Integer: return Encoding.UTF8.GetBytes(integer.ToString(CultureInfo.InvariantCulture));
                case ValueKind.Double: return Encoding.UTF8.GetBytes(number.ToString("R", CultureInfo.InvariantCulture));
                case ValueKind.Boolean: return Encoding.UTF8.GetBytes(integer != 0 ? "1" : "0");
                default: throw Wrong("is no text");
            }
        }

        /// <summary>As a whole number; text is read as one.</summary>
        public long AsInt64()
        {
            long parsed;
            if (Kind == ValueKind.Integer || Kind == ValueKind.Boolean)
            {
                return integer;
            }
            if (Kind == ValueKind.String
                && long.TryParse(AsString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out parsed))
            {
                return parsed;
            }
            throw Wrong("is no whole number");
        }

        /// <summary>As a number; text is read as one.</summary>
        public double AsDouble()
        {
            double parsed;
            if (Kind == ValueKind.Double)
            {
                return number;
            }
            if (Kind == ValueKind.Integer)
            {
                return integer;
            }
            if (Kind == ValueKind.String
                && double.TryParse(AsString(), NumberStyles.Float, CultureInfo.InvariantCulture, out parsed))
            {
                return parsed;
            }
            throw Wrong("is no number");
        }

        /// <summary>As a number; null for nil.</summary>
        public double? AsDoubleOrNull() => IsNil ? (double?)null : AsDouble();

        /// <summary>The elements of an array or a set as text.</summary>
        public string[] AsStrings() => Elements().Select(item => item.AsString()).ToArray();

        /// <summary>The elements of an array or a set as whole numbers.</summary>
        public long[] AsInt64s() => Elements().Select(item => item.AsInt64()).ToArray();

        /// <summary>A map as text.</summary>
        public Dictionary<string, string> AsDictionary()
        {
            if (Kind != ValueKind.Map)
            {
                throw Wrong("is no map");
            }
            return Pairs.ToDictionary(pair => pair.Key.AsString(), pair => pair.Value.AsString());
        }

        /// <summary>As yes or no; a number is yes unless it is 0.</summary>
        public bool AsBoolean() => AsInt64() != 0;

        /// <summary>For a log: text, numbers, and nested values in brackets.</summary>
        public override string ToString()
        {
            switch (Kind)
            {
                case ValueKind.Nil: return "(nil)";
                case ValueKind.Boolean: return integer != 0 ? "true" : "false";
                case ValueKind.Error: return ErrorCode + " " + AsString();
                case ValueKind.Array:
                case ValueKind.Set: return "[" + string.Join(", ", Items) + "]";
                case ValueKind.Map: return "{" + string.Join(", ", Pairs.Select(pair => pair.Key + ": " + pair.Value)) + "}";
                default: return AsString();
            }
        }

#pragma warning disable 1591
        public static implicit operator string(Value value) => value?.AsString();

        public static implicit operator byte[](Value value) => value?.AsBytes();

        public static explicit operator long(Value value) => value.AsInt64();

        public static explicit operator double(Value value) => value.AsDouble();

        public static explicit operator bool(Value value) => value.AsBoolean();
#pragma warning restore 1591

        /// <summary>Copy a reply, or an element of one.</summary>
        internal static Value Read(IntPtr reply)
        {
            var kind = (ValueKind)NativeMethods.standfast_reply_type(reply);
            switch (kind)
            {
                case ValueKind.Integer:
                    return new Value(kind, null, NativeMethods.standfast_reply_integer(reply), 0, null, "");
                case ValueKind.Double:
                    return new Value(kind, null, 0, NativeMethods.standfast_reply_double(reply), null, "");
                case ValueKind.Boolean:
                    return new Value(kind, null, NativeMethods.standfast_reply_boolean(reply) ? 1 : 0, 0, null, "");
                case ValueKind.String:
                    return new Value(kind, Bytes(reply), 0, 0, null, "");
                case ValueKind.Error:
                    var code = NativeText.Read(NativeMethods.standfast_reply_error_code(reply));
                    return new Value(kind, Bytes(reply), 0, 0, null, code);
                case ValueKind.Array:
                case ValueKind.Set:
                    return new Value(kind, null, 0, 0, ReadItems(reply), "");
                case ValueKind.Map:
                    return new Value(kind, null, 0, 0, ReadPairs(reply), "");
                default:
                    return new Value(ValueKind.Nil, null, 0, 0, null, "");
            }
        }

        private IReadOnlyList<Value> Elements() =>
            Kind == ValueKind.Array || Kind == ValueKind.Set ? children : throw Wrong("is no array");

        private static byte[] Bytes(IntPtr reply)
        {
            var length = checked((int)(ulong)NativeMethods.standfast_reply_length(reply));
            return NativeText.Bytes(NativeMethods.standfast_reply_string(reply), length);
        }

        private static Value[] ReadItems(IntPtr reply)
        {
            var items = new Value[checked((int)(ulong)NativeMethods.standfast_reply_count(reply))];
            for (var i = 0; i < items.Length; i++)
            {
                items[i] = Read(NativeMethods.standfast_reply_element(reply, (UIntPtr)i));
            }
            return items;
        }

        private static Value[] ReadPairs(IntPtr reply)
        {
            var count = checked((int)(ulong)NativeMethods.standfast_reply_count(reply));
            var children = new Value[checked(count * 2)];
            for (var i = 0; i < count; i++)
            {
                children[2 * i] = Read(NativeMethods.standfast_reply_key(reply, (UIntPtr)i));
                children[2 * i + 1] = Read(NativeMethods.standfast_reply_value(reply, (UIntPtr)i));
            }
            return children;
        }

        private StandfastException Wrong(string what) =>
            StandfastException.Usage(Standfast.ErrorCode.InvalidArgument, "the reply is of kind " + Kind + " and " + what);

        /// <summary>A time of a report (microseconds since 1970), UTC; null for nil.</summary>
        public DateTime? AsTime() => IsNil ? (DateTime?)null : Epoch.AddTicks(AsInt64() * 10);

        /// <summary>A length of time of a report (microseconds); null for nil.</summary>
        public TimeSpan? AsTimeSpan() => IsNil ? (TimeSpan?)null : TimeSpan.FromTicks(AsInt64() * 10);

        /// <summary>As a whole number; null for nil.</summary>
        public long? AsInt64OrNull() => IsNil ? (long?)null : AsInt64();

        private static readonly DateTime Epoch = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    }
}
