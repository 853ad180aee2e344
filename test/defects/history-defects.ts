/** Seeded defects in histories: the files of groups, values and patches, what is asked of a history.
 * The comment of each says what the line protects.
 * @module */
import { AT, NEVER } from './history-paths.ts'
import type { Defect } from './seeded.ts'

/** In the files of groups: killed by `history-group-scenarios.ts`. */
export const HISTORY_GROUP_DEFECTS: readonly Defect[] = [
  // No flipped bit of a frame is read as a version.
  {
    name: 'the checksum of a frame is not looked at',
    file: AT.frame,
    find: 'frames.push(crc === stored ? readFrame(content, base) : undefined)',
    replace: 'frames.push(readFrame(content, base))',
    killer: 'bitsOfGroupsAreNoticed',
  },
  // A frame whose checksum alone is damaged counts only when the one behind it says so.
  {
    name: 'a frame with a wrong checksum is confirmed by any frame',
    file: AT.frame,
    find: 'doubtful !== undefined && digest.crc32(content, doubtful.crc) === stored',
    replace: 'doubtful !== undefined',
    killer: 'bitsOfNeighboursAreNoticed',
  },
  // Each frame names the one before it: a frame of another file, or of another place, is none here.
  {
    name: 'checksums do not go on from those before them',
    file: AT.digest,
    find: 'crc.buf(bytes, seed)',
    replace: 'crc.buf(bytes, 0 * seed)',
    killer: 'foreignFramesAreNoticed',
  },
  // No flipped bit of the header is read as facts of the first version, or as sizes.
  {
    name: 'the checksum of the header of a group is not looked at',
    file: AT.header,
    find: 'if (digest.crc32(bytes.subarray(0, bytes.length - CRC_BYTES)) !== crc) throw',
    replace: `if (${NEVER} digest.crc32(bytes.subarray(0, bytes.length - CRC_BYTES)) !== crc) throw`,
    killer: 'bitsOfGroupsAreNoticed',
  },
  // Nothing is made of the bytes of a damaged chunk, and its place is told.
  {
    name: 'the checksum of a chunk is not looked at',
    file: AT.chunks,
    find: 'if (this.#storage.digest.crc32(stored) !== crc) throw',
    replace: `if (${NEVER} this.#storage.digest.crc32(stored) !== crc) throw`,
    killer: 'damagedChunksAreNamed',
  },
  // Bytes of an append that was never acknowledged are no version.
  {
    name: 'frames behind the end that counts are read',
    file: AT.open,
    find: 'Math.min(FIRST_READ_BYTES, endBytes)',
    replace: 'FIRST_READ_BYTES',
    killer: 'uncountedFramesAreNone',
  },
  // A few bytes make nobody allocate a gigabyte.
  {
    name: 'a delta may say any size',
    file: AT.frame,
    find: 'if (!canHold(bytes.length, isDeflated, rawBytes)) return undefined',
    replace: 'void canHold',
    killer: 'impossibleSizesAreRefused',
  },
  // The same of chunks.
  {
    name: 'a chunk may say any size',
    file: AT.header,
    find: 'if (!canHold(row.storedBytes, row.isDeflated, rawBytes)) throw',
    replace: `if (${NEVER} !canHold(row.storedBytes, row.isDeflated, rawBytes)) throw`,
    killer: 'impossibleSizesAreRefused',
  },
  // A change of a value that was there before is a change of that one.
  {
    name: 'changes are applied one after the other, also of values that are the same as others',
    file: AT.chain,
    find: 'at = (entries[at - 1] as Entry).root',
    replace: 'at = at - 1',
    killer: 'sameValuesAreJumpedTo',
  },
  // A value that comes again is as it was, however the one that is changed in place went on.
  {
    name: 'a value that comes again changes with the one that goes on',
    file: AT.values,
    find: 'kept.keep(root, place, () => cloneValue(before))',
    replace: 'kept.keep(root, place, () => before)',
    killer: 'sameValuesAreJumpedTo',
  },
  // Damage costs no version that does not need what is damaged.
  {
    name: 'a version that is the same as an earlier one is lost with what is in between',
    file: AT.entries,
    find: 'return root < 0 || root >= brokenAt',
    replace: 'return root < 0 || place >= brokenAt',
    killer: 'sameValuesOutliveDamage',
  },
  // Keys that deltas spelled out have numbers, also for whoever goes on with the file.
  {
    name: 'keys of earlier deltas are forgotten when a file is gone on with',
    file: AT.values,
    find: '    await new DeltaReader(this.#list, keys, this.#compression).upTo(this.#list.length - 1)\n',
    replace: '',
    killer: 'filesAreGoneOnWith',
  },
  // A wrong value under right checksums is told to whoever asks.
  {
    name: 'a read does not compare the hash',
    file: AT.history,
    find: 'if (stored?.hash === found.hash) return value',
    replace: 'if (stored !== undefined || found.hash === "") return value',
    killer: 'wrongValuesAreTold',
  },
  // The same, and to verify.
  {
    name: 'verify does not compare hashes',
    file: AT.verify,
    find: 'if (hash !== stored.hash) this',
    replace: `if (${NEVER} hash !== stored.hash) this`,
    killer: 'wrongValuesAreTold',
  },
  // A clean-up gives no wrong value a right hash.
  {
    name: 'a clean-up does not compare hashes',
    file: AT.regrouper,
    find: 'if (known.hash !== undefined && known.hash !== found.hash) {',
    replace: `if (${NEVER} known.hash !== found.hash) {`,
    killer: 'wrongValuesAreNotRewritten',
  },
  // Nor does it sum it up.
  {
    name: 'metrics are summed up whatever their hash says',
    file: AT.rewriting,
    find: 'if (contentHashOf(host.storage.digest, value).hash !== hash)',
    replace: `if (${NEVER} contentHashOf(host.storage.digest, value).hash !== hash)`,
    killer: 'wrongMetricsAreNotSummedUp',
  },
]

/** In values and their changes: killed by `history-value-scenarios.ts`. */
export const HISTORY_VALUE_DEFECTS: readonly Defect[] = [
  // 0 and -0 are different values.
  {
    name: 'the sign of a zero is no difference',
    file: AT.diff,
    find: 'if (Object.is(before, after)) return undefined',
    replace: 'if (before === after || Object.is(before, after)) return undefined',
    killer: 'numbersComeBackExactly',
  },
  // Nothing that is added makes -0 of a number, nor another one of it.
  {
    name: 'steps are told to and from -0',
    file: AT.numbers,
    find: 'Object.is(one, -0) || Object.is(other, -0) || ',
    replace: '',
    killer: 'numbersComeBackExactly',
  },
  // Sums of fractions are not exact.
  {
    name: 'steps are told between fractions',
    file: AT.numbers,
    find: '!Number.isSafeInteger(one) || !Number.isSafeInteger(other)) return undefined',
    replace: 'Number.isNaN(one + other)) return undefined',
    killer: 'numbersComeBackExactly',
  },
  // Bits differ by a number of 64 bits, and a bigint has more.
  {
    name: 'bits are told of bigints',
    file: AT.numbers,
    find: "if (typeof one !== 'number' || typeof other !== 'number' || ",
    replace: 'if (',
    killer: 'numbersComeBackExactly',
  },
  // The order of fields is part of a value.
  {
    name: 'the order of fields is forgotten',
    file: AT.diff,
    find: 'orderRuns(stays, [...places.keys()], wanted)',
    replace: 'places.size < 0 ? orderRuns(stays, [], wanted) : undefined',
    killer: 'fieldsComeBackExactly',
  },
  // A key is a key, whatever it is called.
  {
    name: 'a field called __proto__ is the prototype',
    file: AT.builder,
    find: "if (key === '__proto__') {",
    replace: `if (${NEVER} key === '__proto__') {`,
    killer: 'fieldsComeBackExactly',
  },
  // An array is no object with the same fields, a date no number.
  {
    name: 'a change that makes another kind of object is taken for one of fields',
    file: AT.diff,
    find: 'if (Array.isArray(after) || isBytes(after) || Object.getPrototypeOf(after) !== Object.prototype) {',
    replace: 'if (isBytes(after) || Object.getPrototypeOf(after) !== Object.prototype && !Array.isArray(after)) {',
    killer: 'fieldsComeBackExactly',
  },
  // Elements that moved are taken from where they were.
  {
    name: 'elements that moved are edited in their place',
    file: AT.applyRuns,
    find: 'if (run.start < end) return checkMoves(runs, length)',
    replace: 'if (run.start < end) return checkMoves(runs, length) && 0',
    killer: 'elementsComeBackExactly',
  },
  // What comes is put where it belongs, behind what goes.
  {
    name: 'inserted elements come in the place of others',
    file: AT.applyRuns,
    find: 'to += inserted.length + countOf(run)',
    replace: 'to += countOf(run)',
    killer: 'elementsComeBackExactly',
  },
  // Edits that are merged keep the text of both.
  {
    name: 'edits of a text that are next to each other lose the first',
    file: AT.texts,
    find: 'end: edit.end, from: last.from, to: edit.to }',
    replace: 'end: edit.end, from: edit.from, to: edit.to }',
    killer: 'textsComeBackExactly',
  },
  // The value is the caller's to change as soon as the call has returned.
  {
    name: 'the first value is not copied',
    file: AT.writer,
    find: 'return { value: copyValue(value) }',
    replace: 'void copyValue(value); return { value }',
    killer: 'callersMayChangeTheirValues',
  },
  // The same of what is new in it.
  {
    name: 'a value that takes the place of another is not copied',
    file: AT.diff,
    find: 'const value = this.copies.copy(after, level)',
    replace: 'this.copies.copy(after, level); const value = after',
    killer: 'callersMayChangeTheirValues',
  },
  // The same of new fields.
  {
    name: 'new fields are not copied',
    file: AT.diff,
    find: 'return [key, this.copies.copy(values[place], level + 1)]',
    replace: 'this.copies.copy(values[place], level + 1); return [key, values[place]]',
    killer: 'callersMayChangeTheirValues',
  },
  // A version is compared with the one before it, not with the one that was the newest when it was called.
  {
    name: 'a value is compared with the newest one while others wait',
    file: AT.writer,
    find: `if (this.#waiting > 0 || newest?.version !== lastVersion) return { value: copyValue(value) }
    const patch = diffValues(newest.value, value, options)
    // The value's own code, its \`toJSON\`, may have appended meanwhile: that version comes before this one.
    return this.#waiting === 0 ? { patch } : { value: copyValue(value) }`,
    replace: `if (newest?.version !== lastVersion) return { value: copyValue(value) }
    return { patch: diffValues(newest.value, value, options) }`,
    killer: 'appendsBesideEachOtherFollow',
  },
  // The same when it is the value's own code that appends.
  {
    name: 'a value whose own code appends is compared with what was before that',
    file: AT.writer,
    find: 'return this.#waiting === 0 ? { patch } : { value: copyValue(value) }',
    replace: 'return { patch }',
    killer: 'valuesMayAppendWhileTheyAreRead',
  },
  // Containers that changed are hashed again.
  {
    name: 'hashes of containers that changed are kept',
    file: AT.writer,
    find: 'applyPatch(before.value, patch, (part) => hasher.forget(part))',
    replace: 'applyPatch(before.value, patch)',
    killer: 'elementsComeBackExactly',
  },
  // What a query found stays as it was when the query goes on.
  {
    name: 'a query gives the value that it goes on with',
    file: AT.query,
    find: 'return cloneValue(path === undefined ? value : valueAtSteps(value, path.steps))',
    replace: 'return path === undefined ? value : valueAtSteps(value, path.steps)',
    killer: 'readersMayChangeTheirValues',
  },
  // The same of values at a path.
  {
    name: 'values at a path are those that are gone on with',
    file: AT.pathValues,
    find: 'const there = cloneValue(valueAtSteps(value, path.steps))',
    replace: 'void cloneValue; const there = valueAtSteps(value, path.steps)',
    killer: 'readersMayChangeTheirValues',
  },
  // An element that moved is looked for where it was.
  {
    name: 'a path goes to the beginning of a run of elements',
    file: AT.trace,
    find: 'index: run.start + left }',
    replace: 'index: run.start }',
    killer: 'pathsAreFollowed',
  },
  // A value that was set says what is in it.
  {
    name: 'a path does not see that a container around it was set',
    file: AT.trace,
    find: "if (child.patch.type === 'set') return inValue(child.patch.value, steps, depth + 1)",
    replace: "if (child.patch.type === 'set' && depth + 1 === steps.length) return { value: child.patch.value }",
    killer: 'pathsAreFollowed',
  },
  // A field that went is not there.
  {
    name: 'a path finds fields that are gone',
    file: AT.trace,
    find: "removed.includes(key) ? 'absent' : { step, patch: undefined }",
    replace: "removed.length < 0 ? 'absent' : { step, patch: undefined }",
    killer: 'pathsAreFollowed',
  },
  // One number of many is changed by what is told of it.
  {
    name: 'a path to a number takes the change of another',
    file: AT.trace,
    find: 'const at = positions === undefined ? index : find(positions, index)',
    replace: 'const at = positions === undefined ? index : Math.min(index, find(positions, index) + 1)',
    killer: 'pathsAreFollowed',
  },
]
