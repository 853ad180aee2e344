/** Seeded defects in restoring, forking and exporting. The comment of each says what the line protects.
 * @module */
import type { Defect } from './seeded.ts'

const SNAPSHOT = 'src/snapshot'
const AT = {
  acquire: 'src/manifest/acquire.ts',
  ancestors: 'src/manifest/ancestors.ts',
  check: `${SNAPSHOT}/check/check.ts`,
  copy: `${SNAPSHOT}/export/copy-snapshot.ts`,
  fork: `${SNAPSHOT}/fork/fork-topic.ts`,
  place: `${SNAPSHOT}/restore/restore-place.ts`,
  restore: `${SNAPSHOT}/restore/restore.ts`,
  restored: `${SNAPSHOT}/restore/restored-store.ts`,
  split: `${SNAPSHOT}/fork/split-batch.ts`,
  topics: 'src/store/topics.ts',
  transfer: `${SNAPSHOT}/files/transfer.ts`,
}

/** Killed by `snapshot-copy-scenarios.ts`. */
export const SNAPSHOT_COPY_DEFECTS: readonly Defect[] = [
  // Damage is not restored, of whatever file: of segments,
  {
    name: 'damage is restored',
    file: AT.restore,
    find: 'if (problem !== undefined) throw damaged(id, problem.file, problem)',
    replace: 'void problem',
    killer: 'damagedSnapshotsAreNotRestored',
  },
  {
    name: 'segments are not checked',
    file: AT.check,
    find: 'await this.#file(ref.path, position, () => this.#segment(ref, { row, segment, lineage }))',
    replace: 'void [ref, position, lineage]',
    killer: 'damagedSnapshotsAreNotRestored',
  },
  // of versions of entities that were pruned,
  {
    name: 'versions of pruned entities are not checked',
    file: AT.check,
    find: 'await drive(this.#versions(path, logStartOffset), this.#pool)',
    replace: 'void logStartOffset',
    killer: 'damagedSnapshotsAreNotRestored',
  },
  // of documents,
  {
    name: 'documents are not checked',
    file: AT.check,
    find: 'for (const row of documents) await this.#document(row)',
    replace: 'void documents',
    killer: 'damagedSnapshotsAreNotRestored',
  },
  // and of histories.
  {
    name: 'histories are not checked',
    file: AT.check,
    find: 'for (const { name, groups } of histories) for (const row of groups) await this.#group(name, row)',
    replace: 'void histories',
    killer: 'damagedSnapshotsAreNotRestored',
  },
  // The store that is open stays: by its path,
  {
    name: 'a store is restored into itself',
    file: AT.place,
    find: 'if (there.startsWith(here) || here.startsWith(there)) throw restoreLive(to)',
    replace: 'void [there, here]',
    killer: 'liveStoresAreNotRestoredOver',
  },
  // and by another one.
  {
    name: 'a store is restored over itself by another path',
    file: AT.restored,
    find: 'if (there !== undefined && here !== undefined && sameBytes(there, here)) throw restoreLive(to)',
    replace: 'void [there, here]',
    killer: 'liveStoresAreNotRestoredOver',
  },
  // What is there stays,
  {
    name: 'files in the place of a restore are passed over',
    file: AT.place,
    find: 'if (found.length > 0) throw notEmpty(to, found)',
    replace: '',
    killer: 'placesThatAreNotEmptyStay',
  },
  // also what came between the look and the claim.
  {
    name: 'nobody looks again after the claim',
    file: AT.restored,
    find: "if (!overwrite && previous !== undefined && !isEmptyState(previous)) throw notEmpty(to, ['a store'])",
    replace: 'void overwrite',
    killer: 'placesThatAreNotEmptyStay',
  },
  // What was replaced goes: topics,
  {
    name: 'files of topics that were replaced stay',
    file: AT.restored,
    find: '...(removing.length > 0 && { removing }),',
    replace: '',
    killer: 'replacedStoresLeaveNothing',
  },
  // documents,
  {
    name: 'files of documents that were replaced stay',
    file: AT.restored,
    find: '...(documents.length > 0 && { untidyDocuments: documents }),',
    replace: '',
    killer: 'replacedStoresLeaveNothing',
  },
  // histories.
  {
    name: 'files of histories that were replaced stay',
    file: AT.restored,
    find: '...(histories.length > 0 && { untidyHistories: histories }),',
    replace: '',
    killer: 'replacedStoresLeaveNothing',
  },
  // What is there already may be what a document of the old store needs.
  {
    name: 'a document in the way of another one is not seen',
    file: AT.restored,
    find: 'if (await to.exists(path)) {',
    replace: 'if (path === id) {',
    killer: 'replacedStoresLeaveNothing',
  },
  // The same of versions.
  {
    name: 'versions in the way of others are not seen',
    file: AT.restored,
    find: '(await to.exists(from)) ? toHex',
    replace: 'from === history.name ? toHex',
    killer: 'replacedStoresLeaveNothing',
  },
  // Two stores are two, and cursors of the one are none of the other.
  {
    name: 'a restored store has the id of the old one',
    file: AT.restored,
    find: 'storeId: randomId(random, STORE_ID_CHARACTERS),',
    replace: 'storeId,',
    killer: 'replacedStoresLeaveNothing',
  },
  {
    name: 'a restored topic has the lineage of the old one',
    file: AT.fork,
    find: 'this.#lineage = randomId(maker.random, LINEAGE_CHARACTERS)',
    replace: 'this.#lineage = source.row.lineage',
    killer: 'replacedStoresLeaveNothing',
  },
  // A restored store opens like any other.
  {
    name: 'a restored store is not closed',
    file: AT.restore,
    find: 'await manifest.append(closed).catch(() => undefined)',
    replace: 'void closed',
    killer: 'replacedStoresLeaveNothing',
  },
  // A failure leaves nothing: the claim,
  {
    name: 'a claim that came to nothing stays',
    file: AT.acquire,
    find: '    await removeClaim().catch(() => undefined)\n',
    replace: '',
    killer: 'failedRestoresLeaveNothing',
  },
  // the files that were there by then,
  {
    name: 'files of a restore that failed stay',
    file: AT.restored,
    find: '      await undo()\n      throw error',
    replace: '      throw error',
    killer: 'failedRestoresLeaveNothing',
  },
  {
    name: 'files of a state that was not adopted stay',
    file: AT.acquire,
    find: "if (!isVarveError(error, 'STORE_POISONED')) await undo?.()",
    replace: 'void undo',
    killer: 'failedRestoresLeaveNothing',
  },
  // and says why.
  {
    name: 'the failure of a restore is that of a claim',
    file: AT.acquire,
    find: 'if (error instanceof NotBegun) throw error.cause',
    replace: '',
    killer: 'failedRestoresLeaveNothing',
  },
  // A state that may be adopted has its files.
  {
    name: 'files of a state that may be adopted go',
    file: AT.acquire,
    find: "if (!isVarveError(error, 'STORE_POISONED')) await undo?.()",
    replace: 'await undo?.()',
    killer: 'adoptionsThatMayStandKeepTheirFiles',
  },
  // What a crash left of a restore is nothing to lose.
  {
    name: 'a restore is refused where another one was interrupted',
    file: AT.acquire,
    find: '  if (begin !== undefined) return\n',
    replace: '  if (begin !== undefined && seen.highest < 0) return\n',
    killer: 'interruptedRestoresGoOn',
  },
  // A fork is committed when its new segment is durable.
  {
    name: 'the new segment of a fork is not synced',
    file: AT.fork,
    find: '      await fresh.handle.sync()\n',
    replace: '',
    killer: 'forksSurviveCrashes',
  },
  {
    name: 'the name of the new segment of a fork is not synced',
    file: AT.fork,
    find: '      await this.#maker.storage.syncDirectory(directory)\n',
    replace: '',
    killer: 'forksSurviveCrashes',
  },
  // Ids stay what they were, of events that are written again,
  {
    name: 'events that are written again lose their ids',
    file: AT.split,
    find: 'id: columns.ids?.[row] ?? this.#idPrefix + this.offset,',
    replace: 'id: columns.ids?.[row],',
    killer: 'forksKeepIds',
  },
  // of shared ones,
  {
    name: 'a fork does not know whose segments it has',
    file: AT.fork,
    find: 'const ancestors = [...earlier, { lineage: row.lineage, storeId, ends }]',
    replace: 'const ancestors = [...earlier, { lineage: this.#lineage, storeId, ends }]',
    killer: 'forksKeepIds',
  },
  // of those of a fork that was cut within the log it came from,
  {
    name: 'an older log ends behind the fork',
    file: AT.fork,
    find: 'return end.offset <= ours.offset ? end : ours',
    replace: 'return ours.offset < 0 ? ours : end',
    killer: 'forksKeepIds',
  },
  // and the first new one has a new id.
  {
    name: 'the first segment of a fork is the last of the old one',
    file: AT.ancestors,
    find: 'baseOffset < (ends[partition]?.offset ?? 0)',
    replace: 'baseOffset <= (ends[partition]?.offset ?? 0)',
    killer: 'forksKeepIds',
  },
  // Whoever opens the store next removes what is on the list.
  {
    name: 'names that are leaving are given to forks',
    file: `${SNAPSHOT}/fork/free-names.ts`,
    find: 'return this.#taken.has(name) || this.#maker.isLeaving(',
    replace: 'return this.#taken.has(name) || this.#taken.has(',
    killer: 'forksTakeNoNameThatIsLeaving',
  },
  // A fork that fails leaves nothing,
  {
    name: 'files of a fork that failed stay',
    file: AT.fork,
    find: '    await removeMade(maker, fork.files, fork.directories)\n',
    replace: '',
    killer: 'failedForksLeaveNothing',
  },
  // nor does one that is not committed.
  {
    name: 'files of a fork that was not committed stay',
    file: AT.topics,
    find: 'await removeMade(this.#context, files)',
    replace: 'void [removeMade, files]',
    killer: 'failedForksLeaveNothing',
  },
  // What arrives is verified before anybody sees it.
  {
    name: 'an export is not verified',
    file: AT.copy,
    find: 'await verifyPlaced(copy, { places, placed })',
    replace: 'void verifyPlaced',
    killer: 'exportsAreVerified',
  },
  // Another snapshot of the same id is another one.
  {
    name: 'an export takes another snapshot for its own',
    file: AT.copy,
    find: '!sameBytes(there.bytes, source.manifest.bytes)',
    replace: 'sameBytes(there.bytes, new Uint8Array(0))',
    killer: 'exportsAreVerified',
  },
  // An export that was told of is there after a crash.
  {
    name: 'names of an export are not synced',
    file: AT.copy,
    find: '    await syncNames(files, places.to)\n',
    replace: '    void syncNames\n',
    killer: 'exportsSurviveCrashes',
  },
  // A full disk holds nothing of it.
  {
    name: 'an export stays on a full disk',
    file: AT.copy,
    find: 'const made = isFull ? ',
    replace: 'const made = isFull && error === undefined ? ',
    killer: 'exportsSurviveCrashes',
  },
  // Who has no room says so before anything is written.
  {
    name: 'nobody asks for room',
    file: AT.transfer,
    find: 'if (neededBytes <= freeBytes) return',
    replace: 'if (neededBytes >= 0) return',
    killer: 'spaceIsAskedForFirst',
  },
]
