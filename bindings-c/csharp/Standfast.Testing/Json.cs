// JSON as dictionaries, lists, strings, numbers (long, double), booleans and null, in both directions: the runtimes that this runs on have none in
// common. It reads what standfast-lab writes, which is well formed, and writes what the kit's methods are given.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Standfast.Testing
{
    internal sealed class Json
    {
        private readonly string text;
        private int at;

        private Json(string text)
        {
            this.text = text;
        }

        internal static object Parse(string text) => new Json(text).Value();

        /// <summary>A line. Members that are null are left out: the lab takes no null.</summary>
        internal static string Write(object value)
        {
            if (value is string words)
            {
                return Quoted(words);
            }
            if (value is bool truth)
            {
                return truth ? "true" : "false";
            }
            if (value is IDictionary<string, object> map)
            {
                var members = map.Where(pair => pair.Value != null).Select(pair => Quoted(pair.Key) + ":" + Write(pair.Value));
                return "{" + string.Join(",", members) + "}";
            }
            if (value is IEnumerable list)
            {
                return "[" + string.Join(",", list.Cast<object>().Select(Write)) + "]";
            }
            if (value is int || value is long)
            {
                return ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture);
            }
            throw new ArgumentException("JSON of a " + (value == null ? "null" : value.GetType().Name));
        }

        private static string Quoted(string words)
        {
            var quoted = new StringBuilder("\"");
            foreach (var letter in words)
            {
                if (letter == '"' || letter == '\\' || letter < ' ')
                {
                    quoted.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
                }
                else
                {
                    quoted.Append(letter);
                }
            }
            return quoted.Append('"').ToString();
        }

        private object Value()
        {
            Skip();
            switch (text[at])
            {
                case '{': return Map();
                case '[': return List();
                case '"': return String();
                case 't': at += 4; return true;
                case 'f': at += 5; return false;
                case 'n': at += 4; return null;
                default: return Number();
            }
        }

        private Dictionary<string, object> Map()
        {
            var map = new Dictionary<string, object>();
            for (at++; Next() != '}'; at += Next() == ',' ? 1 : 0)
            {
                var key = String();
                Next();
                at++;
                map.Add(key, Value());
            }
            at++;
            return map;
        }

        private List<object> List()
        {
            var list = new List<object>();
            for (at++; Next() != ']'; at += Next() == ',' ? 1 : 0)
            {
                list.Add(Value());
            }
            at++;
            return list;
        }

        private string String()
        {
            var found = new StringBuilder();
            for (at++; text[at] != '"'; at++)
            {
                if (text[at] != '\\')
                {
                    found.Append(text[at]);
                    continue;
                }
                at++;
                if (text[at] == 'u')
                {
                    found.Append((char)int.Parse(text.Substring(at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                    at += 4;
                }
                else
                {
                    const string Letters = "bfnrt";
                    var letter = Letters.IndexOf(text[at]);
                    found.Append(letter < 0 ? text[at] : "\b\f\n\r\t"[letter]);
                }
            }
            at++;
            return found.ToString();
        }

        private object Number()
        {
            var start = at;
            while (at < text.Length && "+-.eE0123456789".IndexOf(text[at]) >= 0)
            {
                at++;
            }
            var digits = text.Substring(start, at - start);
            long whole;
            return long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out whole)
                ? (object)whole
                : double.Parse(digits, CultureInfo.InvariantCulture);
        }

        private char Next()
        {
            Skip();
            return text[at];
        }

        private void Skip()
        {
            while (char.IsWhiteSpace(text[at]))
            {
                at++;
            }
        }
    }
}
