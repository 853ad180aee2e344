/** The seeded defects: each is a line of the product made wrong, and names the scenario that must see it.
 * A defect whose text is gone fails its test: put it where the line went.
 * @module */
import type { Defect } from './seeded.ts'

const SYNCS = 'src/topic/group-syncs.ts'
const ACTIVE = 'src/topic/active-segment.ts'
const ROLL = 'src/topic/roll.ts'
const BATCH_HEADER = 'src/codec/batch-header.ts'
const BATCH_BODY = 'src/codec/batch-body.ts'
const NEVER = 'false &&'

export const DEFECTS: readonly Defect[] = [
  {
    name: 'appends are not synced',
    file: ACTIVE,
    find: 'this.#handle.sync() : Promise.resolve()',
    replace: 'Promise.resolve() : Promise.resolve()',
    killer: 'appendsSurviveCrashes',
  },
  {
    name: 'appends are acknowledged before their sync',
    file: SYNCS,
    find: '      await synced\n',
    replace: '      void synced.catch(() => undefined)\n',
    killer: 'appendsSurviveCrashes',
  },
  {
    name: 'a failed sync is forgotten',
    file: SYNCS,
    find: `      await synced
    } catch (cause) {
      health.poison(cause)`,
    replace: `      await synced
    } catch (cause) {
      void cause`,
    killer: 'failuresAreReported',
  },
  {
    name: 'a replaced owner goes on acknowledging',
    file: SYNCS,
    find: "return typeof looked === 'boolean' ? answer(looked) : looked.then(answer).catch(unknown)",
    replace: 'void looked, void answer, void unknown; return true',
    killer: 'replacedOwnersAcknowledgeNothing',
  },
  {
    name: 'a receipt is one offset off',
    file: 'src/topic/receipts.ts',
    find: 'let { baseOffset } = batch\n',
    replace: 'let baseOffset = batch.baseOffset + 1\n',
    killer: 'appendsSurviveCrashes',
  },
  {
    name: 'batches do not say what was synced before them',
    file: ACTIVE,
    find: 'syncedThrough: this.#syncedPosition,',
    replace: 'syncedThrough: 0,',
    killer: 'damageIsNoTornTail',
  },
  {
    name: 'a new segment is not synced',
    file: ROLL,
    find: '    await fresh.handle.sync()\n',
    replace: '',
    killer: 'rollsSurviveCrashes',
  },
  {
    name: 'the name of a new segment is not synced',
    file: ROLL,
    find: '    await context.storage.syncDirectory(directory)\n',
    replace: '',
    killer: 'namesSurviveCrashes',
  },
  {
    name: 'the first segment of a topic is not synced',
    file: 'src/store/create-topic.ts',
    find: '      await fresh.handle.sync()\n',
    replace: '',
    killer: 'appendsSurviveCrashes',
  },
  {
    name: 'the name of the first segment of a topic is not synced',
    file: 'src/store/create-topic.ts',
    find: '      await context.storage.syncDirectory(directory)\n',
    replace: '',
    killer: 'appendsSurviveCrashes',
  },
  {
    name: 'the manifest is not synced',
    file: 'src/manifest/manifest.ts',
    find: '      await this.#handle.sync()\n',
    replace: '',
    killer: 'appendsSurviveCrashes',
  },
  {
    name: 'a claim is not synced',
    file: 'src/manifest/acquire.ts',
    find: '      await handle.sync()\n',
    replace: '',
    killer: 'manifestsSurviveCrashes',
  },
  {
    name: 'the name of a claim is not synced',
    file: 'src/manifest/acquire.ts',
    find: "    await storage.syncDirectory('')\n    return true\n",
    replace: '    return true\n',
    killer: 'manifestsSurviveCrashes',
  },
  {
    name: 'the directory of a new directory is not synced',
    file: 'adapters/files/file-storage.ts',
    find: '    await this.calls.syncDirectory(this.absolute(parentOf(directory)))\n',
    replace: '',
    killer: 'appendsSurviveCrashes',
  },
  {
    name: 'a manifest of unknown fate does not stop the store',
    file: 'src/store/open.ts',
    find: 'isOver ? shared.health.fail(error) : error',
    replace: 'isOver ? error : error',
    killer: 'failedCommitsStopTheStore',
  },
  {
    name: 'a short write is taken for a whole one',
    file: 'adapters/files/handles.ts',
    find: 'while (progress.done < bytes.length) {',
    replace: 'while (progress.done < 0) {',
    killer: 'shortCallsAreFinished',
  },
  {
    name: 'the checksum of a batch header is not looked at',
    file: BATCH_HEADER,
    find: 'if (crc !== view.getUint32(at + HEADER_CRC_AT, true)) return undefined',
    replace: 'void crc',
    killer: 'bitsOfSegmentsAreNoticed',
  },
  {
    name: 'the checksum of a block is not looked at',
    file: BATCH_BODY,
    find: 'if (entry.crc !== undefined && digest.crc32(bytes) !== entry.crc)',
    replace: `if (${NEVER} entry.crc !== undefined && digest.crc32(bytes) !== entry.crc)`,
    killer: 'bitsOfLargeBatchesAreNoticed',
  },
  {
    name: 'the checksum of a small body is not looked at',
    file: BATCH_BODY,
    find: 'if (digest.crc32(body.subarray(checkedFrom, header.bodyBytes)) !== header.bodyCrc)',
    replace: `if (${NEVER} digest.crc32(body.subarray(checkedFrom, header.bodyBytes)) !== header.bodyCrc)`,
    killer: 'bitsOfSegmentsAreNoticed',
  },
  {
    name: 'the checksum of a record table is not looked at',
    file: BATCH_BODY,
    find: 'if (digest.crc32(table) !== header.tableCrc)',
    replace: `if (${NEVER} digest.crc32(table) !== header.tableCrc)`,
    killer: 'bitsOfSegmentsAreNoticed',
  },
  {
    name: 'a batch is valid wherever it lies',
    file: BATCH_HEADER,
    find: 'return (place.seed ^ Math.imul(place.position, 0x9e37_79b1)) >>> 0',
    replace: 'return place.seed',
    killer: 'misplacedBatchesAreNoticed',
  },
  {
    name: 'the chain is not looked at',
    file: 'src/segment/scan.ts',
    find: "if (!sameBytes(hash, header.hash)) return 'the chain hash differs'",
    replace: 'void sameBytes, void hash',
    killer: 'anotherHistoryIsNoticed',
  },
  {
    name: 'nothing behind a bad byte is looked at',
    file: 'src/segment/recovery.ts',
    find: 'if (scan.end.position < synced) throw',
    replace: `if (${NEVER} scan.end.position < synced) throw`,
    killer: 'damageIsNoTornTail',
  },
  {
    name: 'the crash tail is not written again',
    file: 'src/store/recover.ts',
    find: 'for (const batch of plan.moved) {',
    replace: 'for (const batch of plan.moved.slice(1)) {',
    killer: 'recoveriesSurviveCrashes',
  },
  {
    name: 'pruned files go before the record',
    file: 'src/topic/prune.ts',
    find: '    await raiseLogStart(context, target, {',
    replace: `    await removeFiles(context, { directory: partition.directory, files })
    await raiseLogStart(context, target, {`,
    killer: 'prunesSurviveCrashes',
  },
  {
    name: 'a replaced owner goes on removing files',
    file: 'src/topic/removal.ts',
    find: '  if (await context.isFenced()) throw context.health.fenced(context.epoch)\n',
    replace: '',
    killer: 'replacedOwnersRemoveNothing',
  },
  {
    name: 'files on the list are not removed at the next open',
    file: 'src/store/topics.ts',
    find: 'if (!context.readOnly) this.#removeLeftovers()',
    replace: `if (${NEVER} !context.readOnly) this.#removeLeftovers()`,
    killer: 'prunesSurviveCrashes',
  },
  {
    name: 'the list is cleared before the removal is durable',
    file: 'src/topic/removal.ts',
    find: '    await storage.syncDirectory(directory)\n',
    replace: '    void storage\n',
    killer: 'prunesSurviveCrashes',
  },
  {
    name: 'the hash before the log start is not kept',
    file: 'src/manifest/draft.ts',
    find: 'const raised = { ...rest, logStartOffset, logStartHash,',
    replace: 'const raised = { ...rest, logStartOffset, logStartHash: row.logStartHash,',
    killer: 'prunesSurviveCrashes',
  },
  {
    name: 'calls that wait behind a deletion are acknowledged',
    file: 'src/store/topics.ts',
    find: '      writer?.end(error)\n',
    replace: '',
    killer: 'deletedTopicsAcknowledgeNothing',
  },
  {
    name: 'the checksum of an index is not looked at',
    file: 'src/segment/sparse-index.ts',
    find: "if (view.getUint32(CRC_AT, true) !== fileCrc(bytes, facts.digest)) refuse('checksum differs')",
    replace: 'void facts.digest',
    killer: 'bitsOfIndexesAreHarmless',
  },
  {
    name: 'the checksum of a checkpoint is not looked at',
    file: 'src/index/checkpoint.ts',
    find: 'if (digest.crc32(packed) !== view.getUint32(8, true)) throw',
    replace: `if (${NEVER} digest.crc32(packed) !== view.getUint32(8, true)) throw`,
    killer: 'bitsOfCheckpointsAreNoticed',
  },
  {
    name: 'the checksum of a head slot is not looked at',
    file: 'src/manifest/head.ts',
    find: 'if (crc !== view.getUint32(0, true)) return undefined',
    replace: 'void crc',
    killer: 'bitsOfHeadsAreNoticed',
  },
  {
    name: 'the checksum of a manifest frame is not looked at',
    file: 'src/manifest/frame.ts',
    find: 'if (reader.digest.crc32(body) !== header.bodyCrc) return undefined',
    replace: 'void header.bodyCrc',
    killer: 'bitsOfManifestsAreNoticed',
  },
]
