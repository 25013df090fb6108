// How the arguments of a command's method become its words: their number and their form is checked here, their types when the
// words are encoded. Messages name types, never values.

using System;
using System.Collections.Generic;

namespace Standfast
{
    internal sealed class Words
    {
        private readonly List<object> words;

        internal Words(params object[] first)
        {
            words = new List<object>(first);
        }

        internal object[] ToArray() => words.ToArray();

        internal void Add(object word) => words.Add(word);

        /// <summary>All of these, in order.</summary>
        internal void All(params object[] values) => words.AddRange(values);

        /// <summary>Any number of values.</summary>
        internal void AnyOf<T>(string what, IEnumerable<T> values)
        {
            foreach (var value in NotNull(what, values))
            {
                words.Add(value);
            }
        }

        /// <summary>The same, and at least one.</summary>
        internal void Several<T>(string what, IEnumerable<T> values)
        {
            var before = words.Count;
            AnyOf(what, values);
            Refuse(words.Count == before, words[0] + " needs at least one of " + what);
        }

        /// <summary>The word before each value.</summary>
        internal void Each<T>(string word, IEnumerable<T> values)
        {
            foreach (var value in values)
            {
                words.Add(word);
                words.Add(value);
            }
        }

        /// <summary>Keys and values, at least one pair. <c>swapped</c>: the value is sent before the key.</summary>
        internal void Pairs<T>(string what, IEnumerable<KeyValuePair<string, T>> pairs, bool swapped)
        {
            var before = words.Count;
            foreach (var pair in NotNull(what, pairs))
            {
                words.Add(swapped ? (object)pair.Value : pair.Key);
                words.Add(swapped ? pair.Key : (object)pair.Value);
            }
            Refuse(words.Count == before, words[0] + " needs at least one of " + what);
        }

        /// <summary>The names of streams, then the positions in them.</summary>
        internal void Streams<T>(string what, IEnumerable<KeyValuePair<string, T>> streams)
        {
            var positions = new List<object>();
            foreach (var stream in NotNull(what, streams))
            {
                words.Add(stream.Key);
                positions.Add(stream.Value);
            }
            Refuse(positions.Count == 0, words[0] + " needs at least one of " + what);
            words.AddRange(positions);
        }

        /// <summary>One of these words, in any case.</summary>
        internal void Chosen(string what, string value, params string[] choices)
        {
            var word = NotNull(what, value).ToUpperInvariant();
            Refuse(Array.IndexOf(choices, word) < 0, what + " is one of " + string.Join(", ", choices));
            words.Add(word);
        }

        /// <summary>A place for a number that is known later.</summary>
        internal int Reserve()
        {
            words.Add(0);
            return words.Count;
        }

        /// <summary>How many there are behind the reserved place; so many words are one.</summary>
        internal void Counted(int at, int size) => words[at - 1] = (words.Count - at) / size;

        internal static void Refuse(bool wrong, string why)
        {
            if (wrong)
            {
                throw StandfastException.Usage(ErrorCode.InvalidArgument, why);
            }
        }

        private static T NotNull<T>(string what, T value)
            where T : class
        {
            return value ?? throw StandfastException.Usage(ErrorCode.NullArgument, "argument " + what + " is null");
        }
    }
}
