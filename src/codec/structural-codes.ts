/** The codes of structural events: a value as a flat run of begin, end, key and scalar codes. It holds every value of
 * the table, and what documents need besides: keys by number, integer keys, decimals kept as text, runs of key pages.
 *
 * | code | event | then |
 * |---|---|---|
 * | `00` `01` `02` | Null, false, true | |
 * | `03` `04` | Int n, Int -1 - n | varint n, n < 2^53 |
 * | `05` | Float | f64 |
 * | `06` `07` | String, String with lone surrogates | varint bytes, UTF-8 or WTF-8 |
 * | `08` `09` | BigInt n, BigInt -1 - n | varint bytes, n lowest byte first, no zero byte at the end |
 * | `0a` | Binary | varint bytes, bytes |
 * | `0b` | Timestamp | f64, whole milliseconds since 1970 |
 * | `0c` `0d` | Key, Key with lone surrogates | varint bytes, UTF-8 or WTF-8 |
 * | `0e` | Key by its number in the key table of the document | varint number - 32 |
 * | `0f` | Key that takes the next number of the key table | varint bytes, UTF-8 |
 * | `10` `11` | BeginObject, EndObject | between them: a key, a value, and so on |
 * | `12` `13` | BeginArray, EndArray | |
 * | `14` `15` | IntKey n, IntKey -1 - n | varint n, n < 2^53 |
 * | `16` `17` | Float m / 10^e, Float -m / 10^e | byte e, 1 to 22; varint m, 0 < m < 2^53 |
 * | `18` | Decimal kept as text | varint bytes, ASCII |
 * | `19` | Undefined | |
 * | `1a` | key pages | varint blocks: so many blocks after this one are no events; the rest of this one is empty |
 * | `1b` | preamble of a document | varint bytes, bytes |
 * | `1c` `1d` | Tag, Comment | reserved |
 * | `1e`-`3f` | | reserved |
 * | `40`-`4f` | Array of 0 to 15 values | the values; no end |
 * | `50`-`5f` | Object of 0 to 15 fields | key, value, and so on; no end |
 * | `60`-`7f` | Int 0 to 31 | |
 * | `80`-`bf` | String of 0 to 63 bytes | UTF-8 |
 * | `c0`-`df` | Key of 0 to 31 bytes | UTF-8 |
 * | `e0`-`ff` | Key 0 to 31 of the key table | |
 *
 * f64 are little-endian. Codes `0e`, `0f`, `1a`, `1b` and `e0`-`ff` occur in documents only.
 * @module */

export const CODE = {
  null: 0x00,
  false: 0x01,
  true: 0x02,
  int: 0x03,
  negativeInt: 0x04,
  float: 0x05,
  string: 0x06,
  bigint: 0x08,
  negativeBigint: 0x09,
  binary: 0x0a,
  timestamp: 0x0b,
  key: 0x0c,
  keyNumber: 0x0e,
  newKey: 0x0f,
  beginObject: 0x10,
  endObject: 0x11,
  beginArray: 0x12,
  endArray: 0x13,
  intKey: 0x14,
  negativeIntKey: 0x15,
  scaled: 0x16,
  negativeScaled: 0x17,
  decimal: 0x18,
  undefined: 0x19,
  keyPages: 0x1a,
  preamble: 0x1b,
  shortArray: 0x40,
  shortObject: 0x50,
  shortInt: 0x60,
  shortString: 0x80,
  shortKey: 0xc0,
  shortKeyNumber: 0xe0,
} as const

/** Added to `string` and `key`: the text has lone surrogates and is WTF-8. */
export const WTF8 = 1

/** Exclusive ends of what the short codes hold. */
export const SHORT = { count: 16, int: 32, stringBytes: 64, keyBytes: 32, keyNumber: 32 } as const

/** Containers inside each other that are followed: the depth of documents. */
export const DEPTH_MAX = 1_024
