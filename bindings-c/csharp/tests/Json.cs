// JSON as far as the shared vectors need it: objects, arrays, strings, whole numbers, true, false and null.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

/// <summary>Reads one document: Dictionary&lt;string, object&gt;, List&lt;object&gt;, string, long, bool or null.</summary>
internal sealed class Json
{
    private readonly string text;
    private int at;

    private Json(string text)
    {
        this.text = text;
    }

    internal static object Read(string text)
    {
        var json = new Json(text);
        var value = json.Value();
        json.Blank();
        Check.Equal(text.Length, json.at);
        return value;
    }

    private object Value()
    {
        Blank();
        switch (text[at])
        {
            case '{': return Object();
            case '[': return Array();
            case '"': return String();
            case 't': return Word("true", true);
            case 'f': return Word("false", false);
            case 'n': return Word("null", null);
            default: return Number();
        }
    }

    private Dictionary<string, object> Object()
    {
        var fields = new Dictionary<string, object>();
        for (at++; Next() != '}'; Skip(','))
        {
            var name = String();
            Blank();
            Check.Equal(':', text[at++]);
            fields.Add(name, Value());
        }
        at++;
        return fields;
    }

    private List<object> Array()
    {
        var items = new List<object>();
        for (at++; Next() != ']'; Skip(','))
        {
            items.Add(Value());
        }
        at++;
        return items;
    }

    private string String()
    {
        var result = new StringBuilder();
        for (at++; text[at] != '"'; at++)
        {
            if (text[at] != '\\')
            {
                result.Append(text[at]);
                continue;
            }
            switch (text[++at])
            {
                case 'n': result.Append('\n'); break;
                case 't': result.Append('\t'); break;
                case 'u':
                    result.Append((char)int.Parse(text.Substring(at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                    at += 4;
                    break;
                default: result.Append(text[at]); break;
            }
        }
        at++;
        return result.ToString();
    }

    private object Number()
    {
        var begin = at;
        while (at < text.Length && (char.IsDigit(text[at]) || text[at] == '-'))
        {
            at++;
        }
        return long.Parse(text.Substring(begin, at - begin), CultureInfo.InvariantCulture);
    }

    private object Word(string word, object value)
    {
        Check.Equal(word, text.Substring(at, word.Length));
        at += word.Length;
        return value;
    }

    private char Next()
    {
        Blank();
        return text[at];
    }

    private void Skip(char separator)
    {
        if (Next() == separator)
        {
            at++;
        }
    }

    private void Blank()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
        {
            at++;
        }
    }
}
