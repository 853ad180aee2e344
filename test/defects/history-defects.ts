/** Seeded defects in histories: the files of groups, values and patches, what is asked of a history.
 * The comment of each says what the line protects.
 * @module */
import type { Defect } from './seeded.ts'

const HISTORY = 'src/history'
const AT = {
  chain: `${HISTORY}/group-chain.ts`,
  chunks: `${HISTORY}/chunks.ts`,
  digest: 'src/ports/digest.ts',
  entries: `${HISTORY}/group-entries.ts`,
  frame: `${HISTORY}/version-frame.ts`,
  header: `${HISTORY}/group-header.ts`,
  history: `${HISTORY}/history.ts`,
  open: `${HISTORY}/group-open.ts`,
  regrouper: `${HISTORY}/cleanup-writer.ts`,
  rewriting: `${HISTORY}/cleanup.ts`,
  values: `${HISTORY}/group-values.ts`,
  verify: `${HISTORY}/verify-group.ts`,
}
const NEVER = 'false &&'

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
